#include "par/worker/worker_plan.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::par {
namespace {

class WorkerPlanTest : public testing::Test {
 protected:
  WorkerPlanTest() {
    config_.app_id = "a1";
    config_.base_path = "/agents/a1";
    prepared_.root = "/work/package/root";
    prepared_.venv_python = "/store/x/bin/python";
    prepared_.manifest.name = "hello";
  }
  WorkerStart plan() {
    return plan_worker({.config = config_,
                        .process_environment = process_,
                        .prepared = prepared_,
                        .worker_dir = "/share/workers/python",
                        .home = "/work/home",
                        .tmp = "/work/tmp",
                        .sockets = "/work/run",
                        .http_port = http_port_});
  }

  std::uint16_t http_port_ = 0;
  Config config_;
  Environment process_;
  Prepared prepared_;
};

TEST_F(WorkerPlanTest, BuildsAPrivateEnvironmentInTheDocumentedOrder) {
  process_ = {
      {"PATH", "/bin"},         {"HOME", "/root"},          {"PACKAGE_URL", "s3://b/secret"},
      {"API_KEY", "deploy"},    {"PIP_INDEX_URL", "x"},     {"INSTANCE_DIR", "/i"},
      {"PYTHONHOME", "/wrong"}, {"AWS_REGION", "us-east-2"}};
  prepared_.dotenv = {{"API_KEY", "dotenv"}, {"ONLY_DOTENV", "d"}, {"MODE", "dotenv"}};
  prepared_.manifest.environment = {{"MODE", "manifest"}, {"A2A_PORT", "${A2A_PORT:-1}"}};

  const auto env = plan().plan.env;

  EXPECT_EQ(env.at("API_KEY"), "deploy");
  EXPECT_EQ(env.at("ONLY_DOTENV"), "d");
  EXPECT_EQ(env.at("MODE"), "manifest");
  EXPECT_EQ(env.at("HOME"), "/work/home");
  EXPECT_EQ(env.at("TMPDIR"), "/work/tmp");
  EXPECT_EQ(env.at("PATH"), "/store/x/bin:/bin");
  EXPECT_EQ(env.at("AWS_REGION"), "us-east-2");
  EXPECT_EQ(env.at("AGENT_APP_ID"), "a1");
  EXPECT_EQ(env.at("BASE_PATH"), "/agents/a1");
  EXPECT_EQ(env.at("A2A_PORT"), "50051");
  EXPECT_EQ(env.at("PAR_WORKER_FD"), "3");
  for (const char* name : {"PACKAGE_URL", "PIP_INDEX_URL", "INSTANCE_DIR", "PYTHONHOME"})
    EXPECT_FALSE(env.contains(name)) << name;
}

TEST_F(WorkerPlanTest, LetsWhatWasDeployedWinAlsoForTheNamesEveryProgramNeeds) {
  process_ = {{"TZ", "Asia/Seoul"}, {"HTTPS_PROXY", "http://p:1"}, {"PATH", "/bin"}};
  prepared_.dotenv = {{"TZ", "UTC"}, {"HTTPS_PROXY", "http://old:1"}, {"LANG", "ko_KR.UTF-8"}};
  prepared_.manifest.environment = {{"PATH", "/opt/bin:${PATH}"}, {"ZONE", "${TZ}"}};

  const auto env = plan().plan.env;

  EXPECT_EQ(env.at("TZ"), "Asia/Seoul");
  EXPECT_EQ(env.at("HTTPS_PROXY"), "http://p:1");
  EXPECT_EQ(env.at("LANG"), "ko_KR.UTF-8");
  EXPECT_EQ(env.at("PATH"), "/opt/bin:/store/x/bin:/bin");
}

TEST_F(WorkerPlanTest, NamesWhatItDoesNotPassOnOfItsOwnSession) {
  process_ = {{"HOME", "/root"}, {"USER", "root"}, {"TMPDIR", "/t"}, {"PACKAGE_URL", "x"}};

  EXPECT_EQ(plan().summary.withheld, (std::vector<std::string>{"HOME", "TMPDIR", "USER"}));
}

TEST_F(WorkerPlanTest, SummarisesNamesWithoutValues) {
  process_ = {{"TOKEN", "very-secret"}, {"PATH", "/bin"}};
  prepared_.dotenv = {{"DB_PORT", "None"}, {"X", "${NOWHERE}"}};

  const auto summary = plan().summary;

  EXPECT_EQ(summary.names, "TOKEN,X");
  EXPECT_EQ(summary.count, 2U);
  EXPECT_EQ(summary.dropped, std::vector<std::string>{"DB_PORT"});
  EXPECT_EQ(summary.unresolved, std::vector<std::string>{"NOWHERE"});
}

TEST_F(WorkerPlanTest, AsksForTheConfiguredSurfacesOnly) {
  prepared_.manifest.rest = model::Manifest::Rest{.entry = "rest:mount"};
  prepared_.manifest.a2a = model::Manifest::A2a{};
  const auto start = plan();
  const auto load = nlohmann::json::parse(start.plan.load_header);

  EXPECT_EQ(load.at("t"), "load");
  EXPECT_EQ(load.at("v"), 1);
  EXPECT_EQ(load.at("package_root"), "/work/package/root");
  EXPECT_EQ(load.at("base_path"), "/agents/a1");
  EXPECT_EQ(load.at("rest"),
            (nlohmann::json{{"entry", "rest:mount"}, {"socket", "/work/run/rest.sock"}}));
  EXPECT_EQ(load.at("a2a"), (nlohmann::json{{"entry", ""}, {"grpc_socket", "/work/run/a2a.sock"}}));
  EXPECT_FALSE(load.contains("http_server"));
  EXPECT_EQ(start.plan.argv,
            (std::vector<std::string>{"/store/x/bin/python",
                                      "/share/workers/python/pixell_worker/__main__.py"}));
  EXPECT_FALSE(start.plan.sandbox.user);
}

TEST_F(WorkerPlanTest, TakesTheServerOfEitherPlace) {
  prepared_.manifest.a2a = model::Manifest::A2a{.entry = {}, .http_server = "main:server"};
  EXPECT_EQ(nlohmann::json::parse(plan().plan.load_header)["http_server"]["entry"], "main:server");

  prepared_.manifest.http_server = "main:app";
  EXPECT_EQ(nlohmann::json::parse(plan().plan.load_header)["http_server"]["entry"], "main:app");
}

TEST_F(WorkerPlanTest, StartsNodeWithItsShimAndAPlaceForItsServer) {
  prepared_.interpreter = "/usr/bin/node";
  prepared_.manifest.runtime = "node20";
  prepared_.manifest.entrypoint = "server.js";
  http_port_ = 4321;
  process_ = {{"PATH", "/bin"}, {"PORT", "80"}, {"npm_config_registry", "x"}};
  const auto made = plan().plan;

  EXPECT_EQ(made.argv,
            (std::vector<std::string>{"/usr/bin/node", "/share/workers/node/src/main.js"}));
  EXPECT_EQ(made.env.at("PORT"), "4321");
  EXPECT_EQ(made.env.at("PAR_SOCKET"), "/work/run/http.sock");
  EXPECT_EQ(made.env.at("NODE_ENV"), "production");
  EXPECT_EQ(made.env.at("PATH"), "/usr/bin:/bin");
  EXPECT_FALSE(made.env.contains("npm_config_registry"));
  EXPECT_EQ(nlohmann::json::parse(made.load_header)["http_server"]["port"], 4321);

  prepared_.module_root = "/work/prepare/package";
  EXPECT_EQ(plan().plan.argv.at(1), "--preserve-symlinks");
  EXPECT_EQ(nlohmann::json::parse(plan().plan.load_header)["package_root"],
            "/work/prepare/package");
}

TEST_F(WorkerPlanTest, StartsAProgramWithoutAShim) {
  prepared_.command = {"/work/package/root/bin/agent", "--flag"};
  prepared_.manifest.entrypoint = "exec:bin/agent --flag";
  http_port_ = 4321;
  const auto made = plan().plan;

  EXPECT_EQ(made.argv, prepared_.command);
  EXPECT_EQ(made.load_header, "");
  EXPECT_EQ(made.http_socket, "/work/run/http.sock");
  EXPECT_EQ(made.http_port, 4321);
  EXPECT_EQ(made.env.at("PORT"), "4321");
  EXPECT_FALSE(made.env.contains("PAR_WORKER_FD"));
}

TEST_F(WorkerPlanTest, StartsAsTheUserItWasGiven) {
  config_.worker_uid = 20001;
  EXPECT_EQ(plan().plan.sandbox.user, 20001U);
}

}  // namespace
}  // namespace pixell::par
