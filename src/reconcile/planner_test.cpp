#include "reconcile/planner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "reconcile/limits.hpp"
#include "reconcile/testing/planner_fixture.hpp"

// How the planner rolls a deployment out: step by step to its end, or to its failure.

namespace pixell::reconcile {
namespace {

using model::InstancePhase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(PlannerTest, HasNothingToDoForAnAppAtRest) {
  wants(1);
  runs("i1", 1, InstancePhase::Ready);
  routes_to(1, {"unix:/i1"});

  const Plan planned = plan(view_, kNow);

  EXPECT_THAT(planned.steps, IsEmpty());
  EXPECT_FALSE(planned.look_again_at);
}

TEST_F(PlannerTest, ImportsThePackageOfANewDeployment) {
  deploys("d1");

  EXPECT_THAT(steps(), ElementsAre("import_package d1"));
}

TEST_F(PlannerTest, MakesARevisionOfAnUploadedPackage) {
  deploys("d1").package_sha256 = std::string(64, 'a');

  EXPECT_THAT(steps(), ElementsAre("create_revision d1"));
}

TEST_F(PlannerTest, StartsTheFirstRevisionAndAnnouncesTheApp) {
  deploys("d1", 1);

  EXPECT_THAT(steps(), ElementsAre("start_instance 1 ", "publish_route 1=1000;"));
}

TEST_F(PlannerTest, StartsARecordedInstanceUnderItsOwnId) {
  deploys("d1", 1);
  runs("i1", 1, InstancePhase::Starting);
  view_.instances.back().in_engine = false;
  routes_to(1, {});

  EXPECT_THAT(steps(), ElementsAre("start_instance 1 i1"));
}

TEST_F(PlannerTest, LeavesTrafficWithTheOldRevisionUntilTheNewOneIsReady) {
  wants(1);
  deploys("d2", 2);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Starting);
  routes_to(1, {"unix:/i1"});

  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(PlannerTest, MovesTrafficWhenTheNewRevisionIsReady) {
  wants(1);
  deploys("d2", 2);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(1, {"unix:/i1"});

  const Plan planned = plan(view_, kNow);

  EXPECT_THAT(described(planned), ElementsAre("publish_route 2=1000,unix:/i2;"));
  EXPECT_EQ(std::get<PublishRoute>(planned.steps[0]).deployment_id, "d2");
}

TEST_F(PlannerTest, WaitsForTheEdgesBeforeItCompletes) {
  wants(1);
  deploys("d2", 2);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});
  view_.edges_applied = false;

  const Plan planned = plan(view_, kNow);

  EXPECT_THAT(planned.steps, IsEmpty());
  EXPECT_TRUE(planned.awaits_edges);
  EXPECT_EQ(planned.look_again_at, kNow + kSilentEdgeWait.count());
}

TEST_F(PlannerTest, CompletesWhenTheEdgesAppliedTheRoute) {
  wants(1);
  deploys("d2", 2);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});

  EXPECT_THAT(steps(), ElementsAre("complete_deployment d2"));
}

TEST_F(PlannerTest, CompletesWithoutASilentEdgeAfterAWhile) {
  deploys("d1", 1);
  runs("i1", 1, InstancePhase::Ready);
  routes_to(1, {"unix:/i1"});
  view_.edges_applied = false;

  EXPECT_THAT(steps(kNow + kSilentEdgeWait.count() - 1), IsEmpty());
  EXPECT_THAT(steps(kNow + kSilentEdgeWait.count()), ElementsAre("complete_deployment d1"));
}

TEST_F(PlannerTest, StopsTheOldInstanceOnlyWhenNoEdgeSendsToIt) {
  wants(2);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});
  view_.edges_applied = false;
  EXPECT_THAT(steps(), IsEmpty());
  EXPECT_TRUE(plan(view_, kNow).awaits_edges);

  view_.edges_applied = true;

  EXPECT_THAT(steps(), ElementsAre("stop_instance i1"));
}

TEST_F(PlannerTest, LetsADrainingInstanceBeAndRemovesItWhenItEnded) {
  wants(2);
  runs("i1", 1, InstancePhase::Draining);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});
  EXPECT_THAT(steps(), IsEmpty());

  view_.instances.front().instance.phase = InstancePhase::Stopped;

  EXPECT_THAT(steps(), ElementsAre("remove_instance i1"));
}

TEST_F(PlannerTest, FailsTheDeploymentWithTheBootReportsCause) {
  wants(1);
  deploys("d2", 2);
  runs("i1", 1, InstancePhase::Ready);
  model::Instance& failed = runs("i2", 2, InstancePhase::Failed);
  failed.boot_report = model::BootReport{};
  failed.boot_report->failure =
      model::make_failure(model::Cause::MissingModule, "no module named yaml", {"line"});
  routes_to(1, {"unix:/i1"});

  const Plan planned = plan(view_, kNow);

  ASSERT_THAT(described(planned), ElementsAre("fail_deployment d2 missing_module"));
  EXPECT_THAT(std::get<FailDeployment>(planned.steps[0]).failure.evidence, ElementsAre("line"));
}

TEST_F(PlannerTest, NamesTheExitWhenThereIsNoBootReport) {
  deploys("d1", 1);
  runs("i1", 1, InstancePhase::Failed).exit_signal = 11;

  EXPECT_THAT(steps(), ElementsAre("fail_deployment d1 signalled"));
  view_.instances[0].instance.exit_signal = 0;
  EXPECT_THAT(steps(), ElementsAre("fail_deployment d1 exited"));
}

TEST_F(PlannerTest, RemovesTheInstanceOfAFailedDeploymentAndKeepsTheOldOneServing) {
  wants(1);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Failed);
  routes_to(1, {"unix:/i1"});

  EXPECT_THAT(steps(), ElementsAre("remove_instance i2"));
}

TEST_F(PlannerTest, GoesBackToTheOldRevisionWhenTheNewOneDiesUnderTraffic) {
  wants(1);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Failed);
  routes_to(2, {"unix:/i2"});

  EXPECT_THAT(steps(), ElementsAre("publish_route 1=1000,unix:/i1;", "remove_instance i2"));
}

TEST_F(PlannerTest, SupersedesOlderDeployments) {
  deploys("d1");
  deploys("d2", 2);
  deploys("d3");

  const Plan planned = plan(view_, kNow);

  EXPECT_THAT(described(planned),
              ElementsAre("fail_deployment d1 superseded", "fail_deployment d2 superseded",
                          "import_package d3"));
  EXPECT_THAT(std::get<FailDeployment>(planned.steps[0]).failure.message, HasSubstr("d3"));
}

TEST_F(PlannerTest, StopsAStartingInstanceOfASupersededDeployment) {
  deploys("d2");
  runs("i1", 1, InstancePhase::Starting);
  view_.edges_applied = false;

  EXPECT_THAT(steps(), ElementsAre("stop_instance i1", "import_package d2"));
}

TEST_F(PlannerTest, CompletesAnOlderDeploymentThatHasTheTraffic) {
  deploys("d1", 1);
  deploys("d2");
  runs("i1", 1, InstancePhase::Ready);
  routes_to(1, {"unix:/i1"});
  view_.edges_applied = false;

  EXPECT_THAT(steps(), ElementsAre("complete_deployment d1"));
}

TEST_F(PlannerTest, FailsADeploymentAtItsDeadline) {
  model::Deployment& deployment = deploys("d1", 1);
  deployment.steps[2].state = model::StepState::Processing;
  runs("i1", 1, InstancePhase::Starting);
  routes_to(1, {});
  EXPECT_EQ(plan(view_, kNow).look_again_at, deployment.deadline);

  const Plan planned = plan(view_, deployment.deadline);

  ASSERT_THAT(described(planned), ElementsAre("fail_deployment d1 deadline_exceeded"));
  EXPECT_THAT(std::get<FailDeployment>(planned.steps[0]).failure.evidence,
              ElementsAre("it was at: start_instance"));
}

TEST_F(PlannerTest, CompletesAtTheDeadlineWhatServesAlready) {
  const model::Deployment& deployment = deploys("d1", 1);
  runs("i1", 1, InstancePhase::Ready);
  routes_to(1, {"unix:/i1"});
  view_.edges_applied = false;

  EXPECT_THAT(steps(deployment.deadline), ElementsAre("complete_deployment d1"));
}

TEST_F(PlannerTest, TakesTheRouteOfAnAppAwayWhenItsFirstDeploymentFailed) {
  runs("i1", 1, InstancePhase::Failed);
  routes_to(1, {});

  EXPECT_THAT(steps(), ElementsAre("publish_route ", "remove_instance i1"));
}

}  // namespace
}  // namespace pixell::reconcile
