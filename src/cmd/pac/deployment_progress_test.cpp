#include "cmd/pac/deployment_progress.hpp"

#include <gmock/gmock.h>

#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

json step(const char* name, const char* status, json more = json::object()) {
  json made = {{"name", name}, {"status", status}};
  made.update(more);
  return made;
}

json rollout(int stage, double held) {
  return {{"paused", false},      {"promoted", false},  {"aborted", false},
          {"stage", stage},       {"stages", 2},        {"weight_permille", 50},
          {"held_seconds", held}, {"stage_seconds", 60}};
}

TEST(DeploymentProgress, IsALineForEachStep) {
  const json deployment = testing::deployment_body(
      "processing",
      {{"steps",
        {step("validate_package", "completed", {{"duration_ms", 2}}),
         step("start_instance", "processing", {{"started_at", "1970-01-01T00:00:01Z"}}),
         step("finalize", "pending")}},
       {"rollout", rollout(0, 12)}});

  EXPECT_THAT(
      progress_block(deployment, 5'200, {}),
      ElementsAre("  validate_package             2 ms",
                  "  start_instance              4.2 s  \xe2\x80\xa6", "  finalize              ",
                  "  rollout                 stage 1 of 2 at 5%, held 12 s of 60 s"));
}

TEST(DeploymentProgress, TellsWhereTheInstanceIsWhileItStarts) {
  const json starting = testing::deployment_body(
      "processing", {{"steps", json::array({step("start_instance", "processing",
                                                 {{"started_at", "1970-01-01T00:00:01Z"}})})}});

  EXPECT_TRUE(is_starting(starting));
  EXPECT_THAT(progress_block(starting, 1'500, {}, "dependencies"),
              ElementsAre("  start_instance             500 ms  \xe2\x80\xa6 dependencies"));
  EXPECT_FALSE(is_starting(testing::deployment_body("completed")));
}

TEST(DeploymentProgress, TellsOnlyWhatIsNew) {
  ProgressNews news;
  json deployment = testing::deployment_body(
      "processing", {{"steps", {step("a", "processing"), step("b", "pending")}}});

  EXPECT_THAT(news.look(deployment), ElementsAre("a processing"));
  EXPECT_THAT(news.look(deployment), ElementsAre());
  deployment["steps"] = {step("a", "completed", {{"duration_ms", 7}}), step("b", "failed")};
  deployment["rollout"] = rollout(0, 1);
  EXPECT_THAT(news.look(deployment),
              ElementsAre("a completed in 7 ms", "b failed in 0 ms", "stage 1 of 2 at 5%"));
  deployment["rollout"] = rollout(0, 2);  // it goes on to be held
  EXPECT_THAT(news.look(deployment), ElementsAre());
  deployment["rollout"] = rollout(1, 0);
  EXPECT_THAT(news.look(deployment), ElementsAre("stage 2 of 2 at 5%"));
}

TEST(DeploymentProgress, ExplainsAFailureEvenWithoutOne) {
  EXPECT_THAT(
      failure_lines(testing::deployment_body("failed")),
      ElementsAre("deployment failed: no cause given: ", "  what to do: see the instance's log"));
}

}  // namespace
}  // namespace pixell::cmd
