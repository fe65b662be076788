#include "cmd/pac/command_line.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/pac/testing/api_server.hpp"
#include "cmd/pac/testing/command_line_fixture.hpp"
#include "engine/local/node/crash_points.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using testing::CommandLineTest;

TEST_F(CommandLineTest, ServesWithDefaultsInTheCurrentDirectory) {
  EXPECT_EQ(pac({"serve"}), 42);

  ASSERT_TRUE(serve_);
  EXPECT_EQ(serve_->state_dir, fs::current_path() / ".pixell");
  EXPECT_THAT(serve_->listen, ElementsAre("127.0.0.1:4000"));
  EXPECT_EQ(serve_->also_listen, "127.0.0.1:3000");
  EXPECT_EQ(serve_->engine.name, "local");
  EXPECT_THAT(serve_->allow_file_dirs,
              ElementsAre(fs::current_path() / "", fs::current_path() / ".pixell"));
  EXPECT_THAT(serve_->allowed_hosts, ElementsAre());
  EXPECT_EQ(serve_->edge_threads, 1);
  EXPECT_FALSE(serve_->stop_instances);
}

TEST_F(CommandLineTest, ServesWithEveryOption) {
  EXPECT_EQ(pac({"serve",
                 "--state",
                 "s/../t",
                 "--listen",
                 "127.0.0.1:1",
                 "--listen",
                 "[::1]:2",
                 "--also-listen",
                 "none",
                 "--engine",
                 "fake",
                 "--allow-file-dir",
                 "d",
                 "--allow-file-dir",
                 "/e",
                 "--allow-host",
                 "a.example",
                 "--edge-threads",
                 "3",
                 "--stop-instances",
                 "--domain",
                 "a.example",
                 "--domain",
                 "b.example",
                 "--access-log",
                 "1/10",
                 "--trusted-proxy",
                 "10.0.0.0/8",
                 "--trusted-proxy",
                 "unix",
                 "--max-exchanges",
                 "9",
                 "--shed-after-ms",
                 "0"}),
            42);

  ASSERT_TRUE(serve_);
  EXPECT_EQ(serve_->state_dir, fs::current_path() / "t");
  EXPECT_THAT(serve_->listen, ElementsAre("127.0.0.1:1", "[::1]:2"));
  EXPECT_EQ(serve_->also_listen, "");
  EXPECT_EQ(serve_->engine.name, "fake");
  EXPECT_THAT(serve_->allow_file_dirs, ElementsAre(fs::current_path() / "d", "/e"));
  EXPECT_THAT(serve_->allowed_hosts, ElementsAre("a.example"));
  EXPECT_EQ(serve_->edge_threads, 3);
  EXPECT_THAT(serve_->trusted_proxies, ElementsAre("10.0.0.0/8", "unix"));
  EXPECT_EQ(serve_->max_exchanges, 9);
  EXPECT_EQ(serve_->shed_after_ms, 0);
  EXPECT_TRUE(serve_->stop_instances);
  EXPECT_THAT(serve_->domains, ElementsAre("a.example", "b.example"));
  EXPECT_EQ(serve_->access_log, "1/10");
}

TEST_F(CommandLineTest, StartsRolesAsTheSupervisorAsksForThem) {
  for (const Role& role : make_roles({.state_dir = "/s",
                          .listen = {},
                          .engine = {.name = "docker",
                                    .docker = {.socket = "/s/docker.sock",
                                              .image = "par@sha256:1",
                                              .publish = "127.0.0.1:20000-20999"}},
                          .allow_file_dirs = {"/a", "/b"},
                          .allowed_hosts = {"h"},
                          .edge_threads = 2,
                          .domains = {"a.Example", "b.example"},
                          .access_log = "errors",
                          .trusted_proxies = {"::1"},
                          .max_exchanges = 5,
                          .shed_after_ms = 50},
                                     {.plain = std::vector<UniqueFd>(2)}))
    EXPECT_EQ(pac({role.spec().argv.begin() + 1, role.spec().argv.end()}), 42) << err_;

  EXPECT_EQ(pac({"node", "--state", "/s", "--life-fd", std::to_string(kLifeFd), "--held-fd", "4",
                 "--held-fd", "5"}),
            42)
      << err_;
  ASSERT_TRUE(control_ && edge_ && node_);
  EXPECT_EQ(control_->engine.name, "docker");
  EXPECT_EQ(control_->engine.docker.socket, "/s/docker.sock");
  EXPECT_EQ(control_->engine.docker.image, "par@sha256:1");
  EXPECT_EQ(control_->engine.docker.publish, "127.0.0.1:20000-20999");
  EXPECT_THAT(control_->allow_file_dirs, ElementsAre("/a", "/b"));
  EXPECT_THAT(control_->allowed_hosts, ElementsAre("h"));
  EXPECT_EQ(edge_->control_socket, "/s/run/control.sock");
  EXPECT_EQ(edge_->threads, 2);
  EXPECT_THAT(edge_->domains, ElementsAre("a.example", "b.example"));
  EXPECT_EQ(edge_->access_log.lines, edge::AccessLogChoice::Lines::Errors);
  EXPECT_THAT(edge_->trusted_proxies, ElementsAre("::1"));
  EXPECT_EQ(edge_->max_exchanges, 5);
  EXPECT_EQ(edge_->shed_after_ms, 50);
  for (const RoleOptions& role : {control_->role, edge_->role, *node_}) {
    EXPECT_EQ(role.state_dir, "/s");
    EXPECT_EQ(role.life_fd, kLifeFd);
    EXPECT_THAT(role.held_fds, ElementsAre(4, 5));
  }
  EXPECT_THAT(edge_->listen_fds, ElementsAre(4, 5));
}

TEST_F(CommandLineTest, HandsTlsDownToTheEdgeAsItWasTyped) {
  EXPECT_EQ(pac({"serve", "--tls-listen", "0.0.0.0:443", "--tls-cert", "/a.pem", "--tls-key",
                 "/a.key", "--tls-cert", "b.pem", "--tls-key", "b.key", "--tls-client-ca",
                 "/ca.pem", "--tls-client-auth", "optional", "--redirect-listen", "0.0.0.0:80",
                 "--redirect-port", "8443"}),
            42)
      << err_;
  ASSERT_TRUE(serve_);
  EXPECT_THAT(serve_->tls_listen, ElementsAre("0.0.0.0:443"));
  EXPECT_THAT(serve_->redirect_listen, ElementsAre("0.0.0.0:80"));

  const Role edge = make_roles(*serve_, {.plain = std::vector<UniqueFd>(1),
                                         .tls = std::vector<UniqueFd>(1),
                                         .redirect = std::vector<UniqueFd>(1)})
                        .back();
  EXPECT_EQ(pac({edge.spec().argv.begin() + 1, edge.spec().argv.end()}), 42) << err_;

  ASSERT_TRUE(edge_);
  EXPECT_THAT(edge_->tls_listen_fds, ElementsAre(5));
  EXPECT_THAT(edge_->redirect_listen_fds, ElementsAre(6));
  EXPECT_THAT(edge_->role.held_fds, ElementsAre(4, 5, 6));
  EXPECT_EQ(edge_->redirect_port, 8443);
  for (const net::tls::TlsOptions& tls : {serve_->tls, edge_->tls}) {
    ASSERT_EQ(tls.certificates.size(), 2U);
    EXPECT_EQ(tls.certificates[0].key, "/a.key");
    EXPECT_EQ(tls.certificates[1].certificate, fs::current_path() / "b.pem");
    EXPECT_EQ(tls.client_ca, "/ca.pem");
    EXPECT_EQ(tls.client_auth, net::tls::ClientAuth::Optional);
  }
}

TEST_F(CommandLineTest, RequiresCertificatesOfClientsWhenOnlyTheirAuthorityIsGiven) {
  EXPECT_EQ(pac({"serve", "--tls-listen", "0.0.0.0:443", "--tls-cert", "a", "--tls-key", "b",
                 "--tls-client-ca", "c"}),
            42);

  ASSERT_TRUE(serve_);
  EXPECT_EQ(serve_->tls.client_auth, net::tls::ClientAuth::Required);
}

struct WrongUsage {
  const char* name;
  std::vector<std::string> arguments;
  std::vector<std::string> told;
};

class WrongUsageTest : public CommandLineTest, public ::testing::WithParamInterface<WrongUsage> {};

TEST_P(WrongUsageTest, IsToldAndStartsNothing) {
  EXPECT_GE(pac(GetParam().arguments), 100);

  EXPECT_EQ(out_, "");
  for (const std::string& part : GetParam().told) EXPECT_THAT(err_, HasSubstr(part));
  EXPECT_FALSE(serve_ || control_ || edge_ || node_);
}

INSTANTIATE_TEST_SUITE_P(
    Arguments, WrongUsageTest,
    ::testing::Values(
        WrongUsage{"NoCommand", {}, {"subcommand is required", "--help"}},
        WrongUsage{"UnknownCommand", {"frobnicate"}, {"subcommand is required", "--help"}},
        WrongUsage{"UnknownOption", {"serve", "--nope"}, {"--nope"}},
        WrongUsage{"EmptyState", {"serve", "--state", ""}, {"--state", "must name a directory"}},
        WrongUsage{"EmptyFileDir",
                   {"serve", "--allow-file-dir", ""},
                   {"--allow-file-dir", "must name a directory"}},
        WrongUsage{
            "UnknownEngine", {"serve", "--engine", "quux"}, {"--engine", "quux", "local", "fake"}},
        WrongUsage{"NoThreads", {"serve", "--edge-threads", "0"}, {"--edge-threads", "1", "64"}},
        WrongUsage{"TooManyThreads", {"serve", "--edge-threads", "65"}, {"--edge-threads", "65"}},
        WrongUsage{"ThreadsNoNumber", {"serve", "--edge-threads", "x"}, {"--edge-threads", "x"}},
        WrongUsage{"NoDomain", {"serve", "--domain", "a:80"}, {"--domain", "without a port"}},
        WrongUsage{"NoAccessLog", {"serve", "--access-log", "1/x"}, {"--access-log", "1/N"}},
        WrongUsage{"TlsWithoutCertificate",
                   {"serve", "--tls-listen", "0.0.0.0:443"},
                   {"--tls-listen needs --tls-cert"}},
        WrongUsage{"CertificateWithoutListener",
                   {"serve", "--tls-cert", "a", "--tls-key", "b"},
                   {"--tls-cert needs --tls-listen"}},
        WrongUsage{"CertificateWithoutKey",
                   {"serve", "--tls-listen", "0.0.0.0:443", "--tls-cert", "a"},
                   {"--tls-cert is given 1 times and --tls-key 0 times"}},
        WrongUsage{"EmptyCertificate",
                   {"serve", "--tls-listen", "0.0.0.0:443", "--tls-cert", "", "--tls-key", "b"},
                   {"--tls-cert '' must name a file"}},
        WrongUsage{"ClientAuthWithoutAuthority",
                   {"serve", "--tls-client-auth", "require"},
                   {"--tls-client-auth require needs --tls-client-ca"}},
        WrongUsage{"AuthorityWithoutListener",
                   {"serve", "--tls-client-ca", "c"},
                   {"--tls-client-ca needs --tls-listen"}},
        WrongUsage{"UnknownClientAuth",
                   {"serve", "--tls-client-ca", "c", "--tls-client-auth", "maybe"},
                   {"--tls-client-auth", "maybe", "require", "optional"}},
        WrongUsage{"RedirectToNowhere",
                   {"serve", "--redirect-listen", "0.0.0.0:80"},
                   {"--redirect-listen needs --tls-listen"}},
        WrongUsage{"RedirectPortAlone",
                   {"serve", "--redirect-port", "443"},
                   {"--redirect-port needs --redirect-listen"}},
        WrongUsage{"NoProxy",
                   {"serve", "--trusted-proxy", "proxy.example"},
                   {"proxy.example", "10.0.0.0/8"}},
        WrongUsage{"NoExchanges", {"serve", "--max-exchanges", "0"}, {"--max-exchanges", "0"}},
        WrongUsage{"NoPackage", {"deploy", "--app", "a"}, {"package"}},
        WrongUsage{"NoApp", {"deploy", "a.apkg"}, {"--app"}},
        WrongUsage{"EmptyApp", {"deploy", "a.apkg", "--app", ""}, {"--app", "must not be empty"}},
        WrongUsage{"NoEdgeCommand", {"edge"}, {"edge explain"}},
        WrongUsage{"NoRevisionsName", {"revisions"}, {"app"}},
        WrongUsage{"UnknownShell", {"completion", "tcsh"}, {"shell", "bash"}},
        WrongUsage{"NoShare", {"traffic", "a", "--set", "1=5%"}, {"--set", "add up to 5%"}},
        WrongUsage{"WrongTimeout",
                   {"routing", "a", "--timeout", "rpc=5s"},
                   {"--timeout", "rest, a2a, ui or idle"}},
        WrongUsage{"WrongSize", {"routing", "a", "--max-body", "10MB"}, {"--max-body", "10MiB"}},
        WrongUsage{"WrongMirror", {"routing", "a", "--mirror", "13"}, {"--mirror", "13=10%"}},
        WrongUsage{"TooManyAtOnce",
                   {"routing", "a", "--max-concurrent", "1000001"},
                   {"--max-concurrent", "1000000"}},
        WrongUsage{"LegacyAndNone",
                   {"routing", "a", "--legacy", "10.0.0.7:80", "--no-legacy"},
                   {"--legacy excludes --no-legacy"}},
        WrongUsage{"EmptyStatusName", {"status", ""}, {"app", "must not be empty"}},
        WrongUsage{"EmptyInstance", {"logs", ""}, {"name", "must not be empty"}}),
    [](const auto& row) { return row.param.name; });

TEST_F(CommandLineTest, NeedsAnAbsolutePathWhereTheCurrentDirectoryIsGone) {
  const fs::path home = fs::current_path();
  {
    const TempDirectory gone;
    ASSERT_EQ(::chdir(gone.path().c_str()), 0);
  }
  const int relative = pac({"serve", "--state", "s", "--allow-file-dir", "/d"});
  const std::string why = err_;
  const int absolute = pac({"serve", "--state", "/s", "--allow-file-dir", "/d"});
  fs::current_path(home);

  EXPECT_GE(relative, 100);
  EXPECT_THAT(why, HasSubstr("--state s: the current directory is gone"));
  EXPECT_EQ(absolute, 42);
}

TEST_F(CommandLineTest, HelpsWithTheCommandsForUsersAndTheExitCodes) {
  EXPECT_EQ(pac({"--help"}), 0);

  for (const char* command :
       {"serve", "deploy", "apps", "status", "logs", "backup", "Exit codes:", "Look:"})
    EXPECT_THAT(out_, HasSubstr(command));
  EXPECT_THAT(out_, Not(HasSubstr("started by serve")));
}

TEST_F(CommandLineTest, ListsTheCrashPointsOneALine) {
  EXPECT_EQ(pac({"crash-points"}), 0);

  for (const std::string_view name : engine::node::kNodeCrashPoints)
    EXPECT_THAT("\n" + out_, HasSubstr(fmt::format("\n{}\n", name)));
}

TEST_F(CommandLineTest, EveryCommandHelpsWithAnExample) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{"serve"},
                                                  {"backup"},
                                                  {"restore"},
                                                  {"deploy"},
                                                  {"rollback"},
                                                  {"rollout"},
                                                  {"traffic"},
                                                  {"routing"},
                                                  {"scale"},
                                                  {"packages"},
                                                  {"packages", "push"},
                                                  {"packages", "show"},
                                                  {"packages", "delete"},
                                                  {"delete"},
                                                  {"status"},
                                                  {"apps"},
                                                  {"revisions"},
                                                  {"deployments"},
                                                  {"logs"},
                                                  {"events"},
                                                  {"edge", "explain"},
                                                  {"open"},
                                                  {"doctor"},
                                                  {"completion"}}) {
    std::vector<std::string> arguments = command;
    arguments.emplace_back("--help");

    EXPECT_EQ(pac(arguments), 0) << command.back();
    EXPECT_THAT(out_, HasSubstr("Example: ")) << command.back();
  }
}

TEST_F(CommandLineTest, CompletesEveryCommandAndNoRole) {
  EXPECT_EQ(pac({"completion", "bash"}), 0);

  for (const char* word : {"rollback", "packages push", "edge explain", "--max-p95", "blue-green"})
    EXPECT_THAT(out_, HasSubstr(word));
  EXPECT_THAT(out_, Not(HasSubstr("--listen-fd")));
  EXPECT_THAT(out_, Not(HasSubstr("crash-points")));
}

TEST_F(CommandLineTest, TellsItsVersion) {
  EXPECT_EQ(pac({"--version"}), 0);

  EXPECT_EQ(out_, "pac " PIXELL_VERSION "\n");
}

}  // namespace
}  // namespace pixell::cmd
