#include "engine/local/node/par_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pixell::engine::node {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

namespace {

InstanceSpec demo_spec() {
  InstanceSpec spec;
  spec.id = "01HZ";
  spec.app_id = "demo";
  spec.package_path = "/state/packages/a";
  spec.base_path = "/agents/demo";
  return spec;
}

ParEnvironmentInput demo_input() {
  return {.state_dir = "/state",
          .instance_dir = "/state/instances/01HZ",
          .worker_uid = 200'001,
          .node_environment = {}};
}

TEST(ParEnvironment, NamesDirectoriesSocketAndUser) {
  const auto made = par_environment(demo_spec(), demo_input()).variables;

  EXPECT_THAT(made, Contains(Pair("REST_LISTEN", "fd:3")));
  EXPECT_THAT(made, Contains(Pair("AGENT_PACKAGE_PATH", "/state/packages/a")));
  EXPECT_THAT(made, Contains(Pair("INSTANCE_DIR", "/state/instances/01HZ")));
  EXPECT_THAT(made, Contains(Pair("ENV_STORE_DIR", "/state/environments")));
  EXPECT_THAT(made, Contains(Pair("STATE_DIR", "/state/journal/demo")));
  EXPECT_THAT(made, Contains(Pair("PAR_WORKER_UID", "200001")));
  EXPECT_THAT(made, Contains(Pair("PAR_WORKER_UID_IS_EXCLUSIVE", "true")));
  EXPECT_THAT(made, Contains(Pair("PAR_WORKER_PROCESSES", "256")));
  EXPECT_THAT(made, Contains(Pair("PAR_WORKER_DISK_MB", "1024")));
  EXPECT_THAT(made, Contains(Pair("GRACEFUL_SHUTDOWN_TIMEOUT_SEC", "30")));
  EXPECT_THAT(made, Contains(Pair("STARTUP_TIMEOUT_SEC", "300")));
  EXPECT_THAT(made, Contains(Pair("BOOT_HARD_LIMIT_MULTIPLIER", "0")));
  EXPECT_THAT(made, Not(Contains(Key("PACKAGE_SHA256")))) << "an empty digest would be refused";
}

TEST(ParEnvironment, PassesOnOnlyWhatIsOnTheList) {
  ParEnvironmentInput input = demo_input();
  input.node_environment = {{"PATH", "/bin"},
                            {"PIP_INDEX_URL", "https://index"},
                            {"UV_CACHE_DIR", "/cache"},
                            {"UV_INDEX", "https://other"},
                            {"https_proxy", "http://proxy"},
                            {"AWS_SECRET_ACCESS_KEY", "key"},
                            {"HOME", "/root"},
                            {"PIXELL_API_KEY", "key"}};

  const auto made = par_environment(demo_spec(), input).variables;

  EXPECT_THAT(made, Contains(Pair("PATH", "/bin")));
  EXPECT_THAT(made, Contains(Pair("PIP_INDEX_URL", "https://index")));
  EXPECT_THAT(made, Contains(Pair("UV_CACHE_DIR", "/cache")));
  EXPECT_THAT(made, Contains(Pair("https_proxy", "http://proxy")));
  for (const char* kept_back : {"AWS_SECRET_ACCESS_KEY", "HOME", "PIXELL_API_KEY", "UV_INDEX"})
    EXPECT_THAT(made, Not(Contains(Key(kept_back))));
}

TEST(ParEnvironment, LetsADeploymentSetItsAgentsVariables) {
  InstanceSpec spec = demo_spec();
  spec.environment = {{"MY_KEY", "value"}, {"STARTUP_TIMEOUT_SEC", "20"}};

  const ParEnvironment made = par_environment(spec, demo_input());

  EXPECT_THAT(made.variables, Contains(Pair("MY_KEY", "value")));
  EXPECT_THAT(made.variables, Contains(Pair("STARTUP_TIMEOUT_SEC", "20")));
  EXPECT_THAT(made.refused, IsEmpty());
}

TEST(ParEnvironment, RefusesWhatWouldSteerParItself) {
  InstanceSpec spec = demo_spec();
  spec.environment = {{"LD_PRELOAD", "/tmp/evil.so"},
                      {"PATH", "/tmp"},
                      {"PAR_WORKER_UID", "0"},
                      {"INSTANCE_DIR", "/etc"}};
  ParEnvironmentInput input = demo_input();
  input.node_environment = {{"PATH", "/bin"}};

  const ParEnvironment made = par_environment(spec, input);

  EXPECT_THAT(made.refused, ElementsAre("INSTANCE_DIR", "LD_PRELOAD", "PAR_WORKER_UID", "PATH"));
  EXPECT_THAT(made.variables, Not(Contains(Key("LD_PRELOAD"))));
  EXPECT_THAT(made.variables, Contains(Pair("PATH", "/bin")));
  EXPECT_THAT(made.variables, Contains(Pair("PAR_WORKER_UID", "200001")));
  EXPECT_THAT(made.variables, Contains(Pair("INSTANCE_DIR", "/state/instances/01HZ")));
}

TEST(ParEnvironment, LetsADeploymentChooseNothingForOthersButAnIndexOfTheKey) {
  InstanceSpec spec = demo_spec();
  spec.environment = {{"GIT_TOKEN", "the agent's own"}, {"PIP_EXTRA_INDEX_URL", "https://more"},
                      {"PIP_FIND_LINKS", "/tmp"},       {"PIP_INDEX_URL", "https://mine"},
                      {"SSL_CERT_FILE", "/tmp/ca.pem"}, {"UV_CACHE_DIR", "/etc"},
                      {"WHEELHOUSE_DIR", "/tmp"},       {"npm_config_prefix", "/etc"}};
  ParEnvironmentInput input = demo_input();
  input.node_environment = {{"SSL_CERT_FILE", "/etc/ca.pem"}};

  const ParEnvironment made = par_environment(spec, input);

  EXPECT_THAT(made.refused, ElementsAre("PIP_FIND_LINKS", "SSL_CERT_FILE", "UV_CACHE_DIR",
                                        "WHEELHOUSE_DIR", "npm_config_prefix"));
  EXPECT_THAT(made.variables, Contains(Pair("GIT_TOKEN", "the agent's own")));
  EXPECT_THAT(made.variables, Contains(Pair("PIP_INDEX_URL", "https://mine")));
  EXPECT_THAT(made.variables, Contains(Pair("PIP_EXTRA_INDEX_URL", "https://more")));
  EXPECT_THAT(made.variables, Contains(Pair("SSL_CERT_FILE", "/etc/ca.pem")));
}

}  // namespace
}  // namespace pixell::engine::node
