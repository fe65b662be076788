#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>

#include "cmd/pac/testing/fake_pixell.hpp"

// The commands that show and change apps, packages and history, against a server that answers as
// the API's document says.

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CommandsTest : public ::testing::Test {
 protected:
  testing::Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--url", pixell_.url()});
    return testing::run_pac(std::move(arguments));
  }
  // The document a command printed; the test fails when it failed.
  json run_json(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const testing::Ran ran = run(std::move(arguments));
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return json::parse(ran.out, nullptr, false);
  }

  testing::FakePixell pixell_;
  TempDirectory directory_;
};

TEST_F(CommandsTest, TakeTheUrlWithASlashAndFromTheEnvironment) {
  pixell_.reply("GET /v1/apps", {{"apps", json::array()}});

  EXPECT_EQ(testing::run_pac({"apps", "--url", pixell_.url() + "/"}).exit_code, 0);
  ::setenv("PIXELL_URL", pixell_.url().c_str(), 1);
  ::setenv("PIXELL_API_KEY", "pac_env", 1);
  const testing::Ran ran = testing::run_pac({"apps"});
  const testing::Ran help = testing::run_pac({"apps", "--help"});
  ::unsetenv("PIXELL_URL");
  ::unsetenv("PIXELL_API_KEY");

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(pixell_.last("GET /v1/apps").headers["authorization"], "Bearer pac_env");
  EXPECT_THAT(help.out, AllOf(HasSubstr("PIXELL_API_KEY"), Not(HasSubstr("pac_env"))));
}

TEST_F(CommandsTest, AppsAreATableOrAnArray) {
  pixell_.reply("GET /v1/apps", {{"apps", {testing::app_body()}}});

  const testing::Ran text = run({"apps"});

  EXPECT_THAT(text.out, AllOf(StartsWith("APP "), HasSubstr("\nhello  ab12cd34")));
  EXPECT_THAT(text.out, Not(HasSubstr("\x1b")));  // no terminal, no colours
  EXPECT_EQ(run_json({"apps"}), json::array({testing::app_body()}));
}

TEST_F(CommandsTest, RevisionsShowTheirTrafficAndTags) {
  pixell_.reply("GET /v1/apps/hello/revisions", {{"revisions",
                                                  {{{"number", 2},
                                                    {"version", "1.1"},
                                                    {"package_sha256", std::string(64, 'a')},
                                                    {"weight_permille", 125},
                                                    {"tags", {"next"}},
                                                    {"created_at", "2026-01-01T00:00:00Z"}}}}});

  EXPECT_THAT(run({"revisions", "hello"}).out,
              AllOf(HasSubstr("12.5%"), HasSubstr("next"), HasSubstr(" aaaaaaaaaaaa ")));
}

TEST_F(CommandsTest, StatusShowsAllAppsAtAGlance) {
  pixell_.reply("GET /v1/apps", {{"apps", {testing::app_body(), testing::app_body("other")}}});
  pixell_.reply("GET /v1/instances", {{"instances", {testing::instance_body()}}});
  pixell_.reply("GET /v1/deployments", {{"deployments", {testing::deployment_body("failed")}}});

  const testing::Ran text = run({"status"});
  const json all = run_json({"status"});

  EXPECT_THAT(text.out, AllOf(HasSubstr("hello  ab12cd34         2    1/2  100% 2   failed"),
                              HasSubstr("other  ab12cd34         2    0/2  100% 2   -")))
      << text.out;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["last_deployment"]["state"], "failed");
  EXPECT_EQ(all[0]["instances"].size(), 1U);
  EXPECT_FALSE(all[1].contains("last_deployment"));
}

TEST_F(CommandsTest, StatusOfAnAppShowsRolloutAndCauses) {
  json answer = testing::app_answer();
  json failed = testing::instance_body("01J0000000000000000FAILEDXX");
  failed["phase"] = "failed";
  failed["boot_report"] = {{"failure",
                            {{"cause", "missing_module"},
                             {"message", "no module x"},
                             {"evidence", json::array()},
                             {"remedy", "add it"}}}};
  answer["instances"].push_back(failed);
  answer["rollout"] = testing::deployment_body("processing", {{"strategy", {{"type", "canary"}}},
                                                              {"rollout",
                                                               {{"paused", true},
                                                                {"promoted", false},
                                                                {"aborted", false},
                                                                {"stage", 1},
                                                                {"stages", 3},
                                                                {"weight_permille", 250},
                                                                {"held_seconds", 12.5},
                                                                {"stage_seconds", 60}}}});
  pixell_.reply("GET /v1/apps/hello", answer);
  json refused = testing::deployment_body("failed");
  refused["failure"] = {{"cause", "resource_exhausted"},
                        {"message", "there is no room"},
                        {"evidence", json::array()},
                        {"remedy", "make some"}};
  pixell_.reply("GET /v1/apps/hello/deployments", {{"deployments", {refused}}});

  const testing::Ran text = run({"status", "hello"});

  EXPECT_THAT(text.out, AllOf(HasSubstr("there is no room"), HasSubstr("make some")));
  EXPECT_THAT(text.out, StartsWith("hello (ab12cd34)  " + pixell_.url() + "/agents/hello/\n"));
  EXPECT_THAT(text.out, AllOf(HasSubstr("1 ready of 2"), HasSubstr("missing_module: no module x"),
                              HasSubstr("0abcdefg"), HasSubstr("revision 2, canary"),
                              HasSubstr("stage 2 of 3 at 25%, held 12 s of 60 s, paused")))
      << text.out;
  EXPECT_EQ(run_json({"status", "hello"}), answer);
}

TEST_F(CommandsTest, StatusIsWatchedUntilTheControlPlaneSaysNo) {
  testing::reply_without_events(pixell_);
  pixell_.reply("GET /v1/apps/hello/deployments", {{"deployments", json::array()}});
  pixell_.reply(
      "GET /v1/apps/hello",
      {api::json_reply(200, testing::app_answer()), api::json_reply(200, testing::app_answer()),
       api::json_reply(200, testing::app_answer()), api::problem(404, "gone")});

  const testing::Ran ran = run({"status", "hello", "--watch"});

  // Nothing changed between the looks: it is shown once.
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_EQ(ran.err, "pac: gone\n");
  EXPECT_EQ(ran.out.find("hello (ab12cd34)"), ran.out.rfind("hello (ab12cd34)"));
  EXPECT_THAT(pixell_.last("GET /v1/watch").what, HasSubstr("after=0&app=hello"));
}

TEST_F(CommandsTest, ScaleSendsWhatWasGivenOnly) {
  pixell_.reply("PATCH /v1/apps/hello", {{"app", testing::app_body()}});

  const testing::Ran ran = run({"scale", "hello", "3", "--warm", "5m"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(json::parse(pixell_.last("PATCH /v1/apps/hello").body),
            json({{"instances", 3}, {"warm_seconds", 300}}));
  EXPECT_EQ(run({"scale", "hello"}).exit_code, 105);
}

TEST_F(CommandsTest, ScaleLetsTheEngineDecide) {
  json scaled = testing::app_body();
  scaled["settings"]["scaling"] = {
      {"min_instances", 2}, {"max_instances", 10}, {"cpu_percent", 60}};
  pixell_.reply("PATCH /v1/apps/hello", {{"app", scaled}});

  const testing::Ran ran = run({"scale", "hello", "--min", "2", "--max", "10", "--cpu", "60"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, StartsWith("hello: 2 to 10 instance(s)"));
  EXPECT_EQ(json::parse(pixell_.last("PATCH /v1/apps/hello").body),
            json({{"scaling", scaled["settings"]["scaling"]}}));
  EXPECT_EQ(run({"scale", "hello", "--no-scaling"}).exit_code, 0);
  EXPECT_EQ(json::parse(pixell_.last("PATCH /v1/apps/hello").body), json({{"scaling", nullptr}}));
  for (const std::vector<std::string>& half :
       {std::vector<std::string>{"--min", "2"},
        {"--min", "2", "--max", "3"},
        {"--min", "2", "--max", "3", "--cpu", "60", "--memory", "60"},
        {"--cpu", "60"}}) {
    std::vector<std::string> line{"scale", "hello"};
    line.insert(line.end(), half.begin(), half.end());
    EXPECT_EQ(run(line).exit_code, 105);
  }
}

TEST_F(CommandsTest, DeleteNeedsYesWhereNobodyCanBeAsked) {
  pixell_.reply("GET /v1/apps/hello", testing::app_answer());
  pixell_.reply("DELETE /v1/apps/hello", {{"app", testing::app_body()}}, 202);

  const testing::Ran refused = run({"delete", "hello"});
  const testing::Ran done = run({"delete", "hello", "--yes"});

  EXPECT_EQ(refused.exit_code, 105);
  EXPECT_THAT(refused.err, HasSubstr("--yes"));
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, StartsWith("app hello is being deleted"));
}

TEST_F(CommandsTest, OpenPrintsTheSurfaces) {
  pixell_.reply("GET /v1/apps/ab12cd34", testing::app_answer());
  ::unsetenv("DISPLAY");
  ::unsetenv("WAYLAND_DISPLAY");

  const std::string base = pixell_.url() + "/agents/hello";
  EXPECT_EQ(run({"open", "ab12cd34"}).out,
            "REST  " + base + "/api/\nA2A   " + base + "/a2a\nUI    " + base + "/ui/\n");
  EXPECT_EQ(run_json({"open", "ab12cd34"})["ui"], base + "/ui/");
}

TEST_F(CommandsTest, PackagesAreListedPushedShownAndDeleted) {
  const json package = {{"id", "01P"},
                        {"sha256", std::string(64, 'b')},
                        {"name", "hello"},
                        {"version", "1.2"},
                        {"size_bytes", 2048},
                        {"source", "upload"},
                        {"created_at", "2026-01-01T00:00:00Z"}};
  pixell_.reply("GET /v1/apps/hello/packages", {{"packages", {package}}});
  pixell_.reply("POST /v1/apps/hello/packages", {{"package", package}}, 201);
  pixell_.reply(
      "GET /v1/apps/hello/packages/01P",
      {{"package", package}, {"manifest", {{"name", "hello"}, {"runtime", "python3.11"}}}});
  pixell_.reply("DELETE /v1/apps/hello/packages/01P", std::vector<api::Reply>{{.status = 204}});
  const std::string file = directory_ / "a.apkg";
  std::ofstream(file) << "bytes";

  EXPECT_THAT(run({"packages", "hello"}).out, AllOf(HasSubstr("01P"), HasSubstr("2.0 KiB")));
  EXPECT_EQ(run_json({"packages", "hello"}), json::array({package}));
  EXPECT_EQ(run({"packages", "push", file, "--app", "hello"}).out,
            "package 01P stored: hello 1.2, 2.0 KiB\n");
  EXPECT_THAT(pixell_.last("POST /v1/apps/hello/packages").body,
              AllOf(HasSubstr("bytes"), Not(HasSubstr("force_overwrite"))));
  EXPECT_THAT(run({"packages", "show", "hello", "01P"}).out,
              AllOf(HasSubstr("source   upload"), HasSubstr("runtime")));
  EXPECT_EQ(run({"packages", "delete", "hello", "01P"}).out, "package 01P deleted\n");
  EXPECT_EQ(run({"packages"}).exit_code, 105);
}

TEST_F(CommandsTest, DeploymentsShowTheirCause) {
  pixell_.reply(
      "GET /v1/deployments",
      {{"deployments",
        {testing::deployment_body(
            "rolled_back", {{"duration_ms", 4'200}, {"failure", {{"cause", "unhealthy"}}}})}}});

  EXPECT_THAT(run({"deployments", "--limit", "5"}).out,
              AllOf(HasSubstr("rolled_back"), HasSubstr("4.2 s"), HasSubstr("unhealthy")));
  EXPECT_THAT(pixell_.last("GET /v1/deployments").what, HasSubstr("limit=5"));
}

json event(int sequence, const char* at) {
  return {{"sequence", sequence},
          {"at", at},
          {"app", "hello"},
          {"kind", "app_created"},
          {"detail", {{"by", "cli"}}}};
}

TEST_F(CommandsTest, EventsAreALineEachOrAnArray) {
  const json one = event(1, "2026-01-01T00:00:00Z");
  const json page = {{"events", {one}}, {"last_sequence", 1}};
  const json end = {{"events", json::array()}, {"last_sequence", 1}};
  const auto replies = std::vector{api::json_reply(200, page), api::json_reply(200, end)};
  pixell_.reply("GET /v1/events", replies);
  const testing::Ran text = run({"events"});
  pixell_.reply("GET /v1/events", replies);
  const json array = run_json({"events"});

  EXPECT_THAT(text.out, AllOf(HasSubstr("app_created"), HasSubstr(" by=cli\n")));
  EXPECT_EQ(array, json::array({one}));
}

TEST_F(CommandsTest, FollowedEventsAreAnObjectALine) {
  const json one = event(7, "2026-01-01T00:00:00Z");
  pixell_.reply("GET /v1/apps/ab", testing::app_answer());
  testing::reply_without_events(pixell_);
  pixell_.reply("GET /v1/watch", {api::json_reply(200, {{"events", {one}}, {"last_sequence", 7}}),
                                  api::problem(400, "enough")});

  const testing::Ran ran = run({"events", "ab", "--follow", "--json"});

  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.out, one.dump() + "\n");
  // The full id, and on from the last event.
  EXPECT_THAT(pixell_.last("GET /v1/watch").what, HasSubstr("after=7&app=hello"));
}

TEST_F(CommandsTest, ExplainSaysWhyAndWhere) {
  pixell_.reply("GET /v1/edge/explain", {{"reason", "every request is diced"},
                                         {"goes_to", "agent"},
                                         {"generation", 4},
                                         {"source", "control"},
                                         {"applied_at", "2026-01-01T00:00:00Z"},
                                         {"status", nullptr},
                                         {"app_id", "hello"},
                                         {"chosen_revision", 2},
                                         {"legs",
                                          {{{"revision", 2},
                                            {"weight_permille", 1000},
                                            {"share", 1.0},
                                            {"targets", 2},
                                            {"tag", ""},
                                            {"chosen", true}}}}});

  const testing::Ran ran =
      run({"edge", "explain", "/agents/hello/x?y", "-H", "Cookie: a=b", "-H", "X: 1"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(StartsWith("every request is diced\n"), HasSubstr("revision    2"),
                             HasSubstr("generation 4 from control"), HasSubstr("this one")));
  EXPECT_EQ(pixell_.last("GET /v1/edge/explain").what,
            "GET /v1/edge/explain?url=%2Fagents%2Fhello%2Fx%3Fy&header=Cookie%3A%20a%3Db&header="
            "X%3A%201");
}

}  // namespace
}  // namespace pixell::cmd
