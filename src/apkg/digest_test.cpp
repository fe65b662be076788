#include "apkg/digest.hpp"

#include <gtest/gtest.h>

#include "apkg/testing/directory_test.hpp"

namespace pixell::apkg {
namespace {

// FIPS 180-2, appendix B.
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

using Digest = testing::DirectoryTest;

TEST_F(Digest, IsTheSameInPiecesAndFromAFile) {
  Sha256 digest;
  digest.update("a");
  digest.update("");
  digest.update("bc");

  EXPECT_EQ(digest.finish(), kAbc);
  EXPECT_EQ(digest.finish(), kEmpty);  // it starts anew
  EXPECT_EQ(sha256_of("abc"), kAbc);
  EXPECT_EQ(sha256_of_file(write("f", "abc")).value(), kAbc);
}

TEST_F(Digest, OfAMissingFileIsNotFound) {
  EXPECT_EQ(sha256_of_file(root_ / "none").error().code, ErrorCode::NotFound);
}

TEST_F(Digest, IsComparedWithoutRegardToCase) {
  EXPECT_TRUE(same_digest("aB09", "Ab09"));
  EXPECT_FALSE(same_digest("ab", "abc"));
  EXPECT_FALSE(same_digest("ab", "ac"));
}

TEST_F(Digest, IsRecognised) {
  EXPECT_TRUE(is_sha256(kAbc));
  EXPECT_TRUE(is_sha256(std::string(64, 'F')));
  EXPECT_FALSE(is_sha256(std::string(63, 'f')));
  EXPECT_FALSE(is_sha256(std::string(64, 'g')));
}

}  // namespace
}  // namespace pixell::apkg
