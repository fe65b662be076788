#include "cmd/pac/serve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/sockets.hpp"

namespace pixell::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::vector<std::string> names(const std::vector<Role>& roles) {
  std::vector<std::string> all;
  for (const Role& role : roles) all.push_back(role.name());
  return all;
}

// The arguments of a role behind program, name and life line.
std::vector<std::string> arguments(const Role& role) {
  return {role.spec().argv.begin() + 4, role.spec().argv.end()};
}

TEST(MakeRoles, StartsTheNodeFirstAndTheEdgeLast) {
  const auto roles = make_roles({.state_dir = "/s"}, {});

  EXPECT_THAT(names(roles), ElementsAre("node", "control", "edge"));
  EXPECT_THAT(arguments(roles[0]), ElementsAre("--state", "/s"));
}

TEST(MakeRoles, HasNoNodeForOtherEnginesThanTheLocalOne) {
  for (const char* engine : {"fake", "docker"})
    EXPECT_THAT(names(make_roles({.state_dir = "/s", .engine = {.name = engine}}, {})),
                ElementsAre("control", "edge"));
}

TEST(MakeRoles, TellsControlWhatItMayServe) {
  const auto roles = make_roles({.state_dir = "/s",
                                 .engine = {.name = "fake"},
                                 .allow_file_dirs = {"/a", "/b"},
                                 .allowed_hosts = {"pixell.example"}},
                                {});

  EXPECT_THAT(arguments(roles[0]),
              ElementsAre("--state", "/s", "--engine", "fake", "--allow-file-dir", "/a",
                          "--allow-file-dir", "/b", "--allow-host", "pixell.example"));
}

TEST(MakeRoles, HandsEveryListenerToEachRoleAndTellsTheEdgeItsKind) {
  PublicListeners listeners;
  for (auto* kind : {&listeners.plain, &listeners.plain, &listeners.tls, &listeners.redirect})
    kind->push_back(std::move(net::listen_tcp("127.0.0.1", 0).value()));

  const auto roles = make_roles({.state_dir = "/s", .edge_threads = 3}, listeners);

  EXPECT_THAT(arguments(roles[2]),
              ElementsAre("--held-fd", "4", "--held-fd", "5", "--held-fd", "6", "--held-fd", "7",
                          "--state", "/s", "--threads", "3", "--listen-fd", "4", "--listen-fd", "5",
                          "--tls-listen-fd", "6", "--redirect-listen-fd", "7"));
  for (const Role& role : roles)
    EXPECT_THAT(role.spec().fds,
                ElementsAre(Pair(1, 1), Pair(2, 2), Pair(listeners.plain[0].get(), 4),
                            Pair(listeners.plain[1].get(), 5), Pair(listeners.tls[0].get(), 6),
                            Pair(listeners.redirect[0].get(), 7)))
        << role.name();
}

TEST(MakeRoles, HandsTheEdgesSettingsOn) {
  const auto roles = make_roles({.state_dir = "/s",
                                 .trusted_proxies = {"10.0.0.0/8", "unix"},
                                 .max_exchanges = 7,
                                 .shed_after_ms = 0},
                                {});

  EXPECT_THAT(arguments(roles[2]), ElementsAre("--state", "/s", "--threads", "1", "--trusted-proxy",
                                               "10.0.0.0/8", "--trusted-proxy", "unix",
                                               "--max-exchanges", "7", "--shed-after-ms", "0"));
}

TEST(MakeRoles, TellsEachRoleItsLifeLine) {
  for (const Role& role : make_roles({.program = "/bin/pac", .state_dir = "/s"}, {}))
    EXPECT_THAT((std::vector(role.spec().argv.begin(), role.spec().argv.begin() + 4)),
                ElementsAre("/bin/pac", role.name(), "--life-fd", std::to_string(kLifeFd)));
}

// Until they are recorded; see RoleLife.
TEST(MakeRoles, LetsNoRoleOutliveItsSupervisorFromTheStart) {
  for (const Role& role : make_roles({.state_dir = "/s"}, {}))
    EXPECT_TRUE(role.spec().dies_with_parent) << role.name();
}

}  // namespace
}  // namespace pixell::cmd
