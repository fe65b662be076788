#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "cmd/pac/testing/command_line_fixture.hpp"

// Edges of other machines on the command line.

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EdgeArgumentsTest : public testing::CommandLineTest {
 protected:
  ~EdgeArgumentsTest() override {
    for (const std::string& name : names_) ::unsetenv(name.c_str());
  }
  void set(const std::string& name, const std::string& value) {
    names_.push_back(name);
    ASSERT_EQ(::setenv(name.c_str(), value.c_str(), 1), 0);
  }

 private:
  std::vector<std::string> names_;
};

TEST_F(EdgeArgumentsTest, RunsAnEdgeForAControlElsewhere) {
  EXPECT_EQ(pac({"edge",
                 "--control",
                 "https://control.internal:4443/",
                 "--control-ca",
                 "ca.pem",
                 "--control-cert",
                 "edge.pem",
                 "--control-key",
                 "edge.key",
                 "--edge-id",
                 "edge7",
                 "--state",
                 "s",
                 "--listen",
                 "0.0.0.0:80",
                 "--threads",
                 "2",
                 "--trusted-proxy",
                 "10.0.0.0/8",
                 "--domain",
                 "A.example"}),
            42)
      << err_;

  ASSERT_TRUE(edge_ && edge_->alone);
  EXPECT_EQ(edge_->alone->control, "https://control.internal:4443");
  EXPECT_EQ(edge_->alone->peer.ca, "ca.pem");
  EXPECT_EQ(edge_->alone->peer.certificate, "edge.pem");
  EXPECT_EQ(edge_->alone->peer.key, "edge.key");
  EXPECT_EQ(edge_->alone->id, "edge7");
  EXPECT_THAT(edge_->alone->listen.plain, ElementsAre("0.0.0.0:80"));
  EXPECT_EQ(edge_->role.state_dir, fs::current_path() / "s");
  EXPECT_EQ(edge_->threads, 2);
  EXPECT_THAT(edge_->domains, ElementsAre("a.example"));
}

TEST_F(EdgeArgumentsTest, TakesWhatContainersAreGivenInTheirEnvironment) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n";
  set("PAC_CONTROL", "https://control.internal:4443");
  set("PAC_CONTROL_CA", pem);
  set("PAC_CONTROL_CERT", pem);
  set("PAC_CONTROL_KEY", pem);

  EXPECT_EQ(pac({"edge"}), 42) << err_;

  ASSERT_TRUE(edge_ && edge_->alone);
  EXPECT_EQ(edge_->alone->peer.key, pem);
  EXPECT_EQ(edge_->alone->id, "");
  EXPECT_THAT(edge_->alone->listen.plain, ElementsAre("127.0.0.1:4000"));
  EXPECT_EQ(edge_->role.state_dir, fs::current_path() / ".pixell-edge");
}

TEST_F(EdgeArgumentsTest, TakesNoControlElsewhereForAnEdgeThatHasItsOwn) {
  set("PAC_CONTROL", "https://control.internal:4443");

  EXPECT_EQ(pac({"edge", "--state", "/s", "--listen-fd", "4"}), 42) << err_;

  ASSERT_TRUE(edge_);
  EXPECT_FALSE(edge_->alone);
  EXPECT_EQ(edge_->control_socket, "/s/run/control.sock");
}

TEST_F(EdgeArgumentsTest, HandsTheListenerForEdgesDownToControl) {
  EXPECT_EQ(pac({"serve", "--edge-listen", "0.0.0.0:4443", "--edge-tls-cert", "/c.pem",
                 "--edge-tls-key", "/c.key", "--edge-client-ca", "/ca.pem"}),
            42)
      << err_;
  ASSERT_TRUE(serve_);
  EXPECT_EQ(serve_->edge_listen, "0.0.0.0:4443");
  EXPECT_EQ(serve_->edge_peer.certificate, "/c.pem");
  ServeOptions options = *serve_;
  options.edge_files = {.ca = "/ca.pem", .certificate = "/c.pem", .key = "/c.key"};

  const auto roles =
      make_roles(options, {.plain = std::vector<UniqueFd>(2), .edges = std::vector<UniqueFd>(1)});
  const std::vector<std::string>& argv = roles.at(1).spec().argv;
  EXPECT_EQ(pac({argv.begin() + 1, argv.end()}), 42) << err_;

  ASSERT_TRUE(control_);
  EXPECT_THAT(control_->role.held_fds, ElementsAre(4, 5, 6));
  EXPECT_EQ(control_->edge_listen_fd, 6);
  EXPECT_EQ(control_->edge_files.ca, "/ca.pem");
  EXPECT_EQ(control_->edge_files.certificate, "/c.pem");
  EXPECT_EQ(control_->edge_files.key, "/c.key");
}

TEST_F(EdgeArgumentsTest, HasNoListenerForEdgesUnlessItIsAskedFor) {
  EXPECT_EQ(pac({"control", "--state", "/s"}), 42) << err_;

  EXPECT_EQ(control_->edge_listen_fd, -1);
}

struct Half {
  const char* name;
  std::vector<std::string> arguments;
  const char* told;
};

class HalfAnEdgeTest : public EdgeArgumentsTest, public ::testing::WithParamInterface<Half> {};

TEST_P(HalfAnEdgeTest, IsToldAndStartsNothing) {
  EXPECT_GE(pac(GetParam().arguments), 100);

  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_, HasSubstr(GetParam().told));
  EXPECT_FALSE(serve_ || control_ || edge_ || node_);
}

INSTANTIATE_TEST_SUITE_P(
    Arguments, HalfAnEdgeTest,
    ::testing::Values(
        Half{
            "NoControl", {"edge"}, "edge needs a subcommand, `pac edge explain URL`, or --control"},
        Half{"NoUrl", {"edge", "--control", "control:4443"}, "must be https://HOST:PORT"},
        Half{"NoAuthority",
             {"edge", "--control", "https://c:1"},
             "--control needs --control-ca FILE"},
        Half{"NoCertificate",
             {"edge", "--control", "https://c:1", "--control-ca", "a"},
             "--control needs --control-cert FILE"},
        Half{"NoKey",
             {"edge", "--control", "https://c:1", "--control-ca", "a", "--control-cert", "b"},
             "--control needs --control-key FILE"},
        Half{"CertificateForNobody", {"edge", "--control-cert", "b"}, "need --control https://"},
        Half{"BadId",
             {"edge", "--control", "https://c:1", "--control-ca", "a", "--control-cert", "b",
              "--control-key", "c", "--edge-id", "a-b"},
             "--edge-id 'a-b' must be"},
        Half{"TlsWithoutCertificate",
             {"edge", "--control", "https://c:1", "--control-ca", "a", "--control-cert", "b",
              "--control-key", "c", "--tls-listen", "0.0.0.0:443"},
             "--tls-listen needs --tls-cert"},
        Half{"ListenerWithoutFiles",
             {"serve", "--edge-listen", "0.0.0.0:1"},
             "--edge-listen needs --edge-client-ca FILE"},
        Half{"FilesWithoutListener",
             {"serve", "--edge-tls-key", "c"},
             "--edge-tls-key needs --edge-listen ADDRESS:PORT"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace pixell::cmd
