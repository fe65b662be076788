#include "cmd/pac/peer_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.hpp"
#include "net/tls/testing/certificates.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using net::tls::fixture::certify;
using net::tls::fixture::Made;
using net::tls::fixture::pem_of;
using ::testing::HasSubstr;

TEST(CheckWhole, NamesWhatIsMissing) {
  const auto complaint = [](const PeerText& text) {
    const auto whole = check_whole(text, "--edge-listen", kEdgeListenOptions);
    return whole ? "" : whole.error().message;
  };

  EXPECT_EQ(complaint({.ca = "a", .certificate = "b", .key = "c"}), "");
  EXPECT_THAT(complaint({.ca = "", .certificate = "b", .key = "c"}),
              HasSubstr("--edge-listen needs --edge-client-ca FILE"));
  EXPECT_THAT(complaint({.ca = "a", .certificate = "", .key = "c"}),
              HasSubstr("--edge-listen needs --edge-tls-cert FILE"));
  EXPECT_THAT(complaint({.ca = "a", .certificate = "b", .key = ""}),
              HasSubstr("--edge-listen needs --edge-tls-key FILE"));
}

class PeerFilesTest : public ::testing::Test {
 protected:
  net::tls::fixture::CertificateDirectory files_;
  Made authority_ = certify({"authority"});
  Made own_ = certify({"own"}, &authority_);
};

TEST_F(PeerFilesTest, KeepsPathsAndMakesFilesOfText) {
  const std::string key = pem_of(*own_.key);

  const auto placed = place_peer_files({.ca = "/a/../ca.pem", .certificate = "own.pem", .key = key},
                                       files_ / "run");

  ASSERT_TRUE(placed) << placed.error().message;
  EXPECT_EQ(placed->ca, "/ca.pem");
  EXPECT_EQ(placed->certificate, fs::current_path() / "own.pem");
  EXPECT_EQ(read_file(placed->key).value(), key);
  struct stat state {};
  ASSERT_EQ(::stat(placed->key.c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0600u);
}

TEST_F(PeerFilesTest, FindsOutWhatIsWrongWithThem) {
  const auto own = files_.store("own", own_);
  const auto other = files_.store("other", certify({"other"}, &authority_));
  files_.write("ca.pem", pem_of(*authority_.certificate));

  EXPECT_TRUE(check_peer_files({files_ / "ca.pem", own.certificate, own.key}));
  EXPECT_FALSE(check_peer_files({files_ / "ca.pem", own.certificate, other.key}));
  const auto no_authority = check_peer_files({files_ / "none.pem", own.certificate, own.key});
  ASSERT_FALSE(no_authority);
  EXPECT_THAT(no_authority.error().message, HasSubstr("none.pem"));
}

}  // namespace
}  // namespace pixell::cmd
