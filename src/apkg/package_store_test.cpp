#include "apkg/package_store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include "apkg/testing/directory_test.hpp"

namespace pixell::apkg {
namespace {

namespace fs = std::filesystem;
using model::Cause;

class Store : public testing::DirectoryTest {
 protected:
  PackageStore open() const { return PackageStore::open(root_ / "packages").value(); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(root_ / "packages"), fs::directory_iterator()));
  }
};

TEST_F(Store, KeepsAFileUnderItsDigest) {
  const PackageStore store = open();

  const auto stored = store.import_file(write("a", "bytes"));

  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->sha256, sha256_of("bytes"));
  EXPECT_EQ(stored->bytes, 5U);
  EXPECT_EQ(stored->path, root_ / "packages" / (sha256_of("bytes") + ".apkg"));
  EXPECT_EQ(content_of(stored->path), "bytes");
  EXPECT_EQ(mode_of(stored->path), 0600U);
  EXPECT_EQ(mode_of(root_ / "packages"), 0700U);
  EXPECT_EQ(store.list().value(), std::vector{sha256_of("bytes")});
}

TEST_F(Store, TakesTheSamePackageTwice) {
  const PackageStore store = open();

  ASSERT_TRUE(store.import_file(write("a", "bytes")));
  ASSERT_TRUE(store.import_file(write("b", "bytes")));

  EXPECT_EQ(files(), 1U);
}

TEST_F(Store, TakesBytesPieceByPiece) {
  const PackageStore store = open();
  auto import = store.begin_import();
  ASSERT_TRUE(import);

  ASSERT_TRUE(import->append("by"));
  PackageImport moved = std::move(*import);
  ASSERT_TRUE(moved.append("tes"));

  EXPECT_EQ(moved.bytes(), 5U);
  EXPECT_EQ(moved.commit(sha256_of("bytes"))->sha256, sha256_of("bytes"));
}

TEST_F(Store, LeavesNothingOfARefusedImport) {
  const PackageStore store = open();
  {
    auto import = store.begin_import(4);
    ASSERT_TRUE(import);
    EXPECT_EQ(import->append("12345").error().cause, Cause::PackageTooLarge);
    EXPECT_EQ(import->commit().error().cause, Cause::PackageTooLarge);
  }
  EXPECT_EQ(store.import_file(write("a", "x"), sha256_of("y")).error().cause,
            Cause::DigestMismatch);
  EXPECT_EQ(store.import_file(root_ / "none").error().cause, Cause::PackageNotFound);
  EXPECT_EQ(store.import_file(root_).error().cause, Cause::PackageNotFound);
  EXPECT_EQ(files(), 0U);
}

TEST_F(Store, TakesAnExpectedDigestInAnyCase) {
  std::string digest = sha256_of("x");
  for (char& c : digest) c = static_cast<char>(::toupper(c));

  const PackageStore store = open();
  ASSERT_TRUE(store.import_file(write("a", "x"), digest));
  EXPECT_TRUE(store.find(digest));
  EXPECT_TRUE(store.verify(digest));
}

TEST_F(Store, RemovesPartsOfDeadImportsOnly) {
  const PackageStore store = open();
  auto alive = store.begin_import();
  ASSERT_TRUE(alive);
  write("packages/.import-dead00", "half");
  ASSERT_EQ(files(), 2U);

  open();

  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(alive->append("x"));
  EXPECT_TRUE(alive->commit());
}

TEST_F(Store, SeesThatBytesHaveChanged) {
  const PackageStore store = open();
  const auto stored = store.import_file(write("a", "bytes"));
  ASSERT_TRUE(stored);
  ASSERT_TRUE(store.verify(stored->sha256));

  write("packages/" + stored->path.filename().string(), "other");

  EXPECT_EQ(store.verify(stored->sha256).error().cause, Cause::DigestMismatch);
  EXPECT_EQ(store.verify(sha256_of("none")).error().cause, Cause::PackageNotFound);
}

TEST_F(Store, RemovesAndForgets) {
  const PackageStore store = open();
  const auto stored = store.import_file(write("a", "bytes"));
  ASSERT_TRUE(stored);

  EXPECT_TRUE(store.remove(stored->sha256));
  EXPECT_TRUE(store.remove(stored->sha256));
  EXPECT_TRUE(store.remove("../../etc/passwd"));

  EXPECT_FALSE(store.find(stored->sha256));
  EXPECT_FALSE(store.find("../a"));
  EXPECT_TRUE(store.list()->empty());
}

TEST_F(Store, TellsWhenItsDirectoryCannotBeMade) {
  write("file", "");

  EXPECT_FALSE(PackageStore::open(root_ / "file" / "packages"));
}

}  // namespace
}  // namespace pixell::apkg
