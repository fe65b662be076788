#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "reconcile/limits.hpp"
#include "reconcile/testing/planner_fixture.hpp"

// Stages, several instances, what stays warm, and the end of an app.

namespace pixell::reconcile {
namespace {

using model::InstancePhase;
using model::StrategyKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PlannerRolloutTest : public PlannerTest {
 protected:
  // A canary of revision 2 beside revision 1, both ready, in its first stage.
  model::Deployment& canary_in_first_stage() {
    wants(1);
    model::Deployment& deployment = deploys("d2", 2);
    deployment.strategy = {.kind = StrategyKind::Canary,
                           .steps = {{.weight_permille = 100, .seconds = 60}}};
    deployment.rollout = {.stage = 0, .stage_started_at = kNow, .measured_since = kNow};
    runs("i1", 1, InstancePhase::Ready);
    runs("i2", 2, InstancePhase::Ready);
    view_.route.route.legs = {leg(1, 900, "i1"), leg(2, 100, "i2"), leg(2, 0, "i2", "candidate")};
    view_.route.generation = 1;
    view_.route.changed_at = kNow;
    return deployment;
  }
  static model::RouteLeg leg(std::int64_t revision, int weight, const std::string& instance,
                             const std::string& tag = {}) {
    return {.revision = revision,
            .weight_permille = weight,
            .tag = tag,
            .addresses = {"unix:/" + instance}};
  }
  void retires(std::int64_t revision, UnixMillis at) {
    view_.retired.push_back({.app_id = "hello", .number = revision, .retired_at = at});
  }
};

TEST_F(PlannerRolloutTest, BeginsAStageWhenEveryEdgeHasIt) {
  canary_in_first_stage().rollout = {};
  view_.edges_applied = false;
  EXPECT_THAT(steps(), IsEmpty());
  view_.edges_applied = true;

  EXPECT_THAT(steps(), ElementsAre("advance_rollout d2 0"));
}

TEST_F(PlannerRolloutTest, GivesTheNextShareAfterTheStagesTime) {
  canary_in_first_stage();
  EXPECT_THAT(steps(kNow + 59'999), IsEmpty());

  EXPECT_THAT(steps(kNow + 60'000),
              ElementsAre("publish_route 2=1000,unix:/i2;2=0@candidate,unix:/i2;"));
}

TEST_F(PlannerRolloutTest, LooksAtTheNumbersOfAStageEverySecond) {
  canary_in_first_stage();

  EXPECT_EQ(plan(view_, kNow).look_again_at, kNow + kHealthLook.count());
}

TEST_F(PlannerRolloutTest, BacksOutWhenTheEdgesMeasureErrors) {
  canary_in_first_stage();
  view_.measured = {.requests = 100, .errors = 50};

  const Plan planned = plan(view_, kNow + 1);

  ASSERT_THAT(described(planned), ElementsAre("fail_deployment d2 unhealthy"));
  EXPECT_TRUE(std::get<FailDeployment>(planned.steps[0]).is_rolled_back);
}

TEST_F(PlannerRolloutTest, RestoresTheExactRouteAfterItBackedOut) {
  canary_in_first_stage();
  view_.app.traffic.legs = {{.revision = 1, .weight_permille = 1000},
                            {.revision = 1, .weight_permille = 0, .tag = "stable"}};
  view_.open_deployments.clear();

  EXPECT_THAT(steps(), ElementsAre("publish_route 1=1000,unix:/i1;1=0@stable,unix:/i1;"));
}

TEST_F(PlannerRolloutTest, BacksOutWhenAnInstanceEndsInAStage) {
  canary_in_first_stage();
  view_.app.settings.instances = 20;
  runs("i3", 2, InstancePhase::Failed).exit_signal = 9;

  EXPECT_THAT(steps(kNow + 1), ElementsAre("fail_deployment d2 signalled"));
}

TEST_F(PlannerRolloutTest, StopsForItsOperator) {
  canary_in_first_stage().rollout.is_aborted = true;

  EXPECT_THAT(steps(), ElementsAre("fail_deployment d2 aborted"));
}

TEST_F(PlannerRolloutTest, HoldsAnAbortUntilTheFormerRevisionCanServe) {
  canary_in_first_stage().rollout.is_aborted = true;
  view_.instances[0].instance.phase = InstancePhase::Failed;
  view_.route.route.legs = {leg(1, 900, "i1"), leg(2, 100, "i2"), leg(2, 0, "i2", "candidate")};
  view_.route.route.legs[0].addresses.clear();

  EXPECT_THAT(steps(), ElementsAre("start_instance 1 "));

  runs("i3", 1, InstancePhase::Ready);
  EXPECT_THAT(steps(), ElementsAre("fail_deployment d2 aborted"));
}

TEST_F(PlannerRolloutTest, EndsAPausedRolloutAtItsDeadline) {
  model::Deployment& deployment = canary_in_first_stage();
  deployment.rollout.is_paused = true;
  EXPECT_THAT(steps(deployment.deadline - 1), IsEmpty());

  const Plan planned = plan(view_, deployment.deadline);

  ASSERT_THAT(described(planned), ElementsAre("fail_deployment d2 deadline_exceeded"));
  EXPECT_THAT(std::get<FailDeployment>(planned.steps[0]).failure.evidence,
              ElementsAre("it was at: waiting", "its rollout was paused"));
}

TEST_F(PlannerRolloutTest, StartsATrialAnewThatWasKilledFromOutside) {
  wants(1);
  deploys("d2", 2);
  runs("i1", 1, InstancePhase::Ready);
  model::Instance& killed = runs("i2", 2, InstancePhase::Failed);
  killed.exit_signal = 9;
  routes_to(1, {"unix:/i1"});
  EXPECT_THAT(steps(), ElementsAre("start_instance 2 "));

  killed.restarts = kTrialRestarts;

  EXPECT_THAT(steps(), ElementsAre("fail_deployment d2 signalled"));
}

TEST_F(PlannerRolloutTest, IgnoresWhatEndedBeforeARollbackBegan) {
  wants(2);
  deploys("d3", 1).created_at = kNow + 10;
  runs("i1", 1, InstancePhase::Failed);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});

  EXPECT_THAT(steps(kNow + 10), ElementsAre("start_instance 1 "));
}

TEST_F(PlannerRolloutTest, RollsBackToARevisionThatStillRunsInOneStep) {
  wants(2);
  model::Deployment& back = deploys("d3", 1);
  back.kind = model::DeploymentKind::Rollback;
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});

  EXPECT_THAT(steps(), ElementsAre("publish_route 1=1000,unix:/i1;"));
}

TEST_F(PlannerRolloutTest, RunsAsManyInstancesAsItIsTold) {
  wants(1);
  view_.app.settings.instances = 3;
  runs("i1", 1, InstancePhase::Ready);
  routes_to(1, {"unix:/i1"});

  EXPECT_THAT(steps(), ElementsAre("start_instance 1 ", "start_instance 1 #1"));
}

TEST_F(PlannerRolloutTest, TakesAnInstanceOutOfTheRouteBeforeItScalesDown) {
  wants(1);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 1, InstancePhase::Ready);
  routes_to(1, {"unix:/i1", "unix:/i2"});
  EXPECT_THAT(steps(), ElementsAre("publish_route 1=1000,unix:/i1;"));

  routes_to(1, {"unix:/i1"});

  EXPECT_THAT(steps(), ElementsAre("stop_instance i2"));
}

TEST_F(PlannerRolloutTest, RunsInstancesOfASplitInProportion) {
  view_.app.traffic.legs = {{.revision = 1, .weight_permille = 750},
                            {.revision = 2, .weight_permille = 250},
                            {.revision = 3, .weight_permille = 0, .tag = "next"}};
  view_.app.settings.instances = 4;

  EXPECT_THAT(steps(), ElementsAre("start_instance 1 ", "start_instance 1 #1",
                                   "start_instance 1 #2", "start_instance 2 ", "start_instance 3 ",
                                   "publish_route 1=750;2=250;3=0@next;"));
}

TEST_F(PlannerRolloutTest, KeepsAFormerRevisionWarmForAWhile) {
  wants(2);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});
  retires(1, kNow);
  const UnixMillis ends = kNow + 300'000;
  EXPECT_THAT(steps(ends - 1), IsEmpty());
  EXPECT_EQ(plan(view_, kNow).look_again_at, ends);

  EXPECT_THAT(steps(ends), ElementsAre("stop_instance i1"));
}

TEST_F(PlannerRolloutTest, KeepsNoMoreWarmRevisionsThanItIsTold) {
  wants(3);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  runs("i3", 3, InstancePhase::Ready);
  routes_to(3, {"unix:/i3"});
  retires(2, kNow);
  retires(1, kNow - 1'000);

  EXPECT_THAT(steps(), ElementsAre("stop_instance i1"));
}

TEST_F(PlannerRolloutTest, AWarmRevisionMakesRoomBeforeTheNextOneIsStarted) {
  wants(2);
  deploys("d3", 3);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});
  retires(1, kNow);
  EXPECT_THAT(steps(), ElementsAre("start_instance 3 "));

  view_.max_revisions = 2;

  EXPECT_THAT(steps(), ElementsAre("stop_instance i1", "start_instance 3 "));
}

TEST_F(PlannerRolloutTest, KeepsAWarmRevisionThatHasRoom) {
  wants(2);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});
  retires(1, kNow);
  view_.max_revisions = 2;

  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(PlannerRolloutTest, DoesNotReplaceAWarmInstanceThatEnds) {
  wants(2);
  runs("i1", 1, InstancePhase::Failed);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});
  retires(1, kNow);

  EXPECT_THAT(steps(), ElementsAre("remove_instance i1"));
}

TEST_F(PlannerRolloutTest, PublishesANewStickiness) {
  wants(1);
  view_.app.traffic.sticky = {.by = model::StickyBy::Cookie, .name = "who"};
  runs("i1", 1, InstancePhase::Ready);
  routes_to(1, {"unix:/i1"});

  const Plan planned = plan(view_, kNow);

  ASSERT_THAT(described(planned), ElementsAre("publish_route 1=1000,unix:/i1;"));
  EXPECT_EQ(std::get<PublishRoute>(planned.steps[0]).sticky.name, "who");
}

TEST_F(PlannerRolloutTest, TakesADeletedAppAwayFromTheEdgesFirst) {
  wants(1);
  view_.app.is_deleting = true;
  deploys("d2", 2);
  runs("i1", 1, InstancePhase::Ready);
  retires(1, kNow);
  routes_to(1, {"unix:/i1"});
  EXPECT_THAT(steps(), ElementsAre("fail_deployment d2 app_deleted", "publish_route "));

  view_.open_deployments.clear();
  view_.route.route.legs.clear();
  view_.edges_applied = false;
  EXPECT_THAT(steps(), IsEmpty());
  EXPECT_TRUE(plan(view_, kNow).awaits_edges);
  view_.edges_applied = true;
  EXPECT_THAT(steps(), ElementsAre("stop_instance i1"));

  view_.instances[0].instance.phase = InstancePhase::Stopped;
  EXPECT_THAT(steps(), ElementsAre("remove_instance i1"));
  view_.instances.clear();
  EXPECT_THAT(steps(), ElementsAre("remove_app hello"));
}

TEST_F(PlannerRolloutTest, StopsADeletedAppAlsoWhereRevisionsHaveFewPlaces) {
  wants(1);
  view_.app.is_deleting = true;
  view_.max_revisions = 2;
  runs("i1", 1, InstancePhase::Ready);
  view_.route.route.legs.clear();

  EXPECT_THAT(steps(), ElementsAre("stop_instance i1"));
}

TEST_F(PlannerRolloutTest, NeverStopsWhatRequestsAreKnownToGoTo) {
  wants(2);
  runs("i1", 1, InstancePhase::Ready);
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});
  view_.edges_applied = false;
  view_.route.changed_at = kNow - 10 * kSilentEdgeWait.count();
  EXPECT_THAT(steps(), ElementsAre("stop_instance i1")) << "edges that are silent are gone";

  view_.traffic_lags = true;

  EXPECT_THAT(steps(), IsEmpty());
}

}  // namespace
}  // namespace pixell::reconcile
