#include "cmd/pac/edge_alone.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "cmd/pac/limits.hpp"
#include "cmd/pac/testing/api_server.hpp"
#include "net/tls/testing/certificates.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using net::tls::fixture::certify;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::string_view kKept = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

TEST(AloneId, IsTheChosenOneOrMadeOfTheHostsName) {
  EXPECT_EQ(alone_id("edge7", "host", kKept), "edge7");
  EXPECT_EQ(alone_id("", "ip-10-0-1-5.ec2.internal", kKept), "ip10015ec2internalFFQ69G5FAV");
  EXPECT_EQ(alone_id("", "", kKept), "FFQ69G5FAV");
}

TEST(AloneId, IsNeverLongerThanControlTakes) {
  const std::string id = alone_id("", std::string(300, 'h'), kKept);

  EXPECT_TRUE(check_edge_id(id)) << id;
}

TEST(CheckEdgeId, TakesLettersAndDigits) {
  EXPECT_TRUE(check_edge_id("Edge7"));
  for (const std::string& wrong : {std::string(), std::string("a-b"), std::string("a/b"),
                                   std::string("é"), std::string(kMaxEdgeIdChars + 1, 'a')}) {
    const auto checked = check_edge_id(wrong);
    ASSERT_FALSE(checked) << wrong;
    EXPECT_THAT(checked.error().message, HasSubstr("--edge-id"));
  }
}

class ClaimAloneTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto authority = certify({"authority"});
    files_.write("ca.pem", net::tls::fixture::pem_of(*authority.certificate));
    files_.store("edge", certify({"edge"}, &authority));
    options_.role.state_dir = directory_ / "state";
    options_.alone = EdgeAlone{.listen = {.plain = {"127.0.0.1:0", "127.0.0.1:0"}},
                               .control = "https://localhost:1",
                               .peer = {.ca = files_ / "ca.pem",
                                        .certificate = files_ / "edge.pem",
                                        .key = files_ / "edge.key"},
                               .id = {}};
  }
  ~ClaimAloneTest() override {
    for (const int fd : options_.role.held_fds) ::close(fd);
  }

  TempDirectory directory_;
  net::tls::fixture::CertificateDirectory files_;
  EdgeOptions options_;
};

TEST_F(ClaimAloneTest, ListensForItself) {
  const auto alone = claim_alone(options_, Log(-1));

  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_THAT(options_.listen_fds, SizeIs(2));
  EXPECT_EQ(options_.role.held_fds, options_.listen_fds);
  EXPECT_EQ(alone->control.url, "https://localhost:1");
  EXPECT_EQ(alone->control.files.ca, files_ / "ca.pem");
}

TEST_F(ClaimAloneTest, RefusesADirectoryThatAnotherUses) {
  const auto first = claim_alone(options_, Log(-1));
  ASSERT_TRUE(first) << first.error().message;
  EdgeOptions second{.alone = options_.alone, .role = {.state_dir = options_.role.state_dir}};

  const auto refused = claim_alone(second, Log(-1));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AlreadyExists);
}

TEST_F(ClaimAloneTest, RefusesBadCertificatesUnlessItHasRoutes) {
  files_.write("edge.key", "no key");

  const auto refused = claim_alone(options_, Log(-1));

  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("edge.key"));

  fs::create_directories(directory_ / "state" / "edge");
  std::ofstream(directory_ / "state" / "edge" / "routes") << "routes";
  EXPECT_TRUE(claim_alone(options_, Log(-1)));
}

}  // namespace
}  // namespace pixell::cmd
