#include "cmd/pac/commands/deploy.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kDeploy = "POST /v1/apps/hello/deployments";

class DeployTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pixell_.reply(kDeploy, {{"deployment", testing::deployment_body("queued")}}, 202);
    pixell_.reply("POST /v1/apps/hello/packages", {{"package", {{"id", "01P"}}}}, 201);
    testing::reply_without_events(pixell_);
  }
  testing::Ran deploy(std::vector<std::string> more,
                      const std::string& package = "https://h/a.apkg") {
    std::vector<std::string> arguments = {"deploy", package, "--app",
                                          "hello",  "--url", pixell_.url()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return testing::run_pac(std::move(arguments));
  }
  json sent() { return json::parse(pixell_.last(kDeploy).body); }

  testing::FakePixell pixell_;
  TempDirectory directory_;
};

TEST_F(DeployTest, SendsAnAddressAsItIsAndTellsHowToLookAgain) {
  const testing::Ran ran = deploy({});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(StartsWith("deployment 01J0000000000000000000000D of hello"),
                             HasSubstr("accepted"), HasSubstr("pac deployments hello")));
  EXPECT_EQ(sent(), json({{"package_url", "https://h/a.apkg"}}));
}

TEST_F(DeployTest, UploadsAFileWhateverItsName) {
  for (const char* name : {"with blank.apkg", "a%20b.apkg", "a?b#c.apkg", "\xc3\xa4\xff.apkg"}) {
    std::ofstream(directory_ / name) << "bytes";

    const testing::Ran ran = deploy({}, (directory_ / name).string());

    EXPECT_EQ(ran.exit_code, 0) << name << ": " << ran.err;
    EXPECT_EQ(sent(), json({{"package", "01P"}}));
    EXPECT_THAT(pixell_.last("POST /v1/apps/hello/packages").body,
                AllOf(HasSubstr("\r\n\r\nbytes\r\n"), HasSubstr("force_overwrite")));
  }
}

TEST_F(DeployTest, TellsThatThePackageIsNotAFile) {
  for (const std::string& path : {directory_.path().string(), std::string("no/such/file.apkg")}) {
    const testing::Ran ran = deploy({}, path);

    EXPECT_EQ(ran.exit_code, 1) << path;
    EXPECT_THAT(ran.err, AllOf(StartsWith("pac: package '" + path + "' is not a file"),
                               HasSubstr("https://")));
  }
  EXPECT_TRUE(pixell_.asked().empty());
}

TEST_F(DeployTest, SendsEveryOption) {
  std::ofstream(directory_ / "env") << "A=1\nB=file\n";

  const testing::Ran ran =
      deploy({"--canary", "5%:60s,25%:2m", "--max-error-rate", "2.5%", "--max-p95", "500ms",
              "--tag", "next", "--no-traffic", "--env", "B=given", "--env", "C=x=y", "--env-file",
              directory_ / "env", "--deadline", "10m"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(sent(), json({{"package_url", "https://h/a.apkg"},
                          {"strategy",
                           {{"type", "canary"},
                            {"steps",
                             {{{"weight_permille", 50}, {"seconds", 60}},
                              {{"weight_permille", 250}, {"seconds", 120}}}},
                            {"max_error_permille", 25},
                            {"max_p95_ms", 500}}},
                          {"tag", "next"},
                          {"no_traffic", true},
                          {"environment", {{"A", "1"}, {"B", "given"}, {"C", "x=y"}}},
                          {"deadline_seconds", 600}}));
}

TEST_F(DeployTest, BakesBlueGreen) {
  EXPECT_EQ(deploy({"--strategy", "blue-green", "--bake", "5m"}).exit_code, 0);

  EXPECT_EQ(sent()["strategy"], json({{"type", "blue_green"}, {"bake_seconds", 300}}));
}

TEST_F(DeployTest, RefusesOptionsThatDoNotGoTogether) {
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--canary", "5%:1s", "--bake", "1m"},
        {"--canary", "5%:1s", "--strategy", "rolling"},
        {"--bake", "1m", "--strategy", "canary"},
        {"--canary", "5"},
        {"--env", "A"},
        {"--max-p95", "fast"},
        {"--strategy", "all"}}) {
    const testing::Ran ran = deploy(wrong);

    EXPECT_GE(ran.exit_code, 100) << wrong[0] << " " << wrong[1];
    EXPECT_NE(ran.err, "");
  }
  EXPECT_TRUE(pixell_.asked().empty());
}

TEST_F(DeployTest, RefusesAnEnvFileThatCannotBeUnderstood) {
  std::ofstream(directory_ / "env") << "my-key=1\n";

  EXPECT_THAT(deploy({"--env-file", directory_ / "env"}).err, HasSubstr("my-key"));
  EXPECT_THAT(deploy({"--env-file", directory_ / "none"}).err, HasSubstr("none"));
  EXPECT_TRUE(pixell_.asked().empty());
}

TEST_F(DeployTest, WaitsForTheEnd) {
  pixell_.reply(
      "GET /v1/deployments/01J0000000000000000000000D",
      {api::json_reply(200, {{"deployment", testing::deployment_body("processing")}}),
       api::json_reply(200, {{"deployment",
                              testing::deployment_body("completed", {{"duration_ms", 4'200}})}})});

  const testing::Ran text = deploy({"--wait"});
  const testing::Ran document = deploy({"--wait", "--json"});

  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("completed in 4.2 s: " + pixell_.url() + "/agents/hello/\n"));
  EXPECT_EQ(json::parse(document.out)["state"], "completed");
}

TEST_F(DeployTest, EndsWith2WhenItFailedAndShowsTheLog) {
  pixell_.reply(
      "GET /v1/deployments/01J0000000000000000000000D",
      {{"deployment", testing::deployment_body("rolled_back", {{"failure",
                                                                {{"cause", "handler_missing"},
                                                                 {"message", "no handler"},
                                                                 {"evidence", {"line 1"}},
                                                                 {"remedy", "Write it."}}}})}});
  pixell_.reply("GET /v1/instances", {{"instances", {testing::instance_body()}}});
  pixell_.reply("GET /v1/instances/01J0000000000000000ABCDEFG/logs",
                std::vector<api::Reply>{{.status = 200,
                                         .body = "{\"event\":\"Traceback\",\"level\":\"error\"}\n",
                                         .content_type = "application/x-ndjson"}});

  const testing::Ran ran = deploy({"--wait"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err,
              AllOf(StartsWith("pac: deployment was rolled back: handler_missing: no handler\n"
                               "pac:   | line 1\npac:   what to do: Write it.\n"),
                    HasSubstr("instance 0abcdefg ends with:\n"), HasSubstr("Traceback\n")));
}

TEST_F(DeployTest, RollsBackToARevisionOrTheOneBefore) {
  const json back = testing::deployment_body("queued", {{"kind", "rollback"}});
  pixell_.reply("POST /v1/apps/hello/rollback", {{"deployment", back}}, 202);

  const testing::Ran to =
      testing::run_pac({"rollback", "hello", "--to", "1", "--url", pixell_.url()});
  EXPECT_EQ(json::parse(pixell_.last("POST /v1/apps/hello/rollback").body),
            json({{"revision", 1}}));
  const testing::Ran before = testing::run_pac({"rollback", "hello", "--url", pixell_.url()});

  EXPECT_EQ(to.exit_code, 0) << to.err;
  EXPECT_THAT(to.out, StartsWith("rollback 01J"));
  EXPECT_EQ(before.exit_code, 0);
  EXPECT_EQ(json::parse(pixell_.last("POST /v1/apps/hello/rollback").body), json::object());
}

TEST_F(DeployTest, AnAbortedRolloutIsASuccessOfRollback) {
  pixell_.reply("POST /v1/apps/hello/rollback",
                {{"deployment", testing::deployment_body("processing")}}, 202);
  pixell_.reply("GET /v1/deployments/01J0000000000000000000000D",
                {{"deployment", testing::deployment_body("rolled_back")}});

  const testing::Ran ran =
      testing::run_pac({"rollback", "hello", "--wait", "--url", pixell_.url()});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("rolled back\n"));
}

TEST_F(DeployTest, RolloutTakesAnAppOrADeployment) {
  json answer = testing::app_answer();
  pixell_.reply("GET /v1/apps/calm", answer);
  answer["rollout"] = testing::deployment_body("processing");
  pixell_.reply("GET /v1/apps/hello", answer);
  const json body = {{"deployment", testing::deployment_body("processing")}};
  pixell_.reply("POST /v1/deployments/01J0000000000000000000000D/pause", body);
  pixell_.reply("POST /v1/deployments/01J0000000000000000000000D/promote", body);

  EXPECT_EQ(testing::run_pac({"rollout", "pause", "hello", "--url", pixell_.url()}).exit_code, 0);
  EXPECT_EQ(
      testing::run_pac({"rollout", "promote", "01J0000000000000000000000D", "--url", pixell_.url()})
          .exit_code,
      0);
  const testing::Ran calm = testing::run_pac({"rollout", "abort", "calm", "--url", pixell_.url()});

  EXPECT_EQ(calm.exit_code, 5);
  EXPECT_THAT(calm.err, HasSubstr("no open rollout"));
}

}  // namespace
}  // namespace pixell::cmd
