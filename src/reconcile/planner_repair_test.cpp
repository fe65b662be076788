#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "reconcile/limits.hpp"
#include "reconcile/testing/planner_fixture.hpp"

// What the planner repairs: instances that died, and those nobody wants.

namespace pixell::reconcile {
namespace {

using model::InstancePhase;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST_F(PlannerTest, ReplacesAnInstanceThatDiedAtOnce) {
  wants(1);
  runs("i1", 1, InstancePhase::Failed);
  routes_to(1, {"unix:/i1"});

  const Plan planned = plan(view_, kNow);

  EXPECT_THAT(described(planned), ElementsAre("start_instance 1 ", "publish_route 1=1000;"));
  EXPECT_EQ(std::get<StartInstance>(planned.steps[0]).restarts, 1);
}

TEST_F(PlannerTest, BacksOffWhenAnInstanceKeepsDying) {
  wants(1);
  routes_to(1, {});
  model::Instance& died = runs("i1", 1, InstancePhase::Failed);
  struct Row {
    int restarts;
    Millis delay;
  };
  for (const Row& row : {Row{1, Millis(1'000)}, Row{2, Millis(2'000)}, Row{4, Millis(8'000)},
                         Row{7, Millis(60'000)}, Row{1'000, Millis(60'000)}}) {
    SCOPED_TRACE(row.restarts);
    died.restarts = row.restarts;
    const UnixMillis due = kNow + row.delay.count();

    EXPECT_THAT(steps(due - 1), IsEmpty());
    EXPECT_EQ(plan(view_, due - 1).look_again_at, due);
    EXPECT_THAT(steps(due), ElementsAre("start_instance 1 "));
  }
}

TEST_F(PlannerTest, DoesNotWaitForAClockThatWasSetBack) {
  wants(1);
  routes_to(1, {});
  model::Instance& died = runs("i1", 1, InstancePhase::Failed);
  died.restarts = 1;
  died.changed_at = kNow + 3'600'000;

  EXPECT_THAT(steps(), ElementsAre("start_instance 1 "));
}

TEST_F(PlannerTest, ForgetsOldRestartsAfterAStableRun) {
  wants(1);
  routes_to(1, {});
  model::Instance& died = runs("i1", 1, InstancePhase::Failed);
  died.restarts = 9;
  died.started_at = died.changed_at - kStableRun.count();

  const Plan planned = plan(view_, kNow);

  ASSERT_THAT(described(planned), ElementsAre("start_instance 1 "));
  EXPECT_EQ(std::get<StartInstance>(planned.steps[0]).restarts, 1);
}

TEST_F(PlannerTest, RemovesTheDeadOneWhenItsReplacementStarts) {
  wants(1);
  routes_to(1, {});
  runs("i1", 1, InstancePhase::Failed);
  runs("i2", 1, InstancePhase::Starting);

  EXPECT_THAT(steps(), ElementsAre("remove_instance i1"));
}

TEST_F(PlannerTest, RepairsTheServingRevisionWhileAnotherIsOnItsWay) {
  wants(1);
  deploys("d2");
  runs("i1", 1, InstancePhase::Failed);
  routes_to(1, {"unix:/i1"});

  EXPECT_THAT(steps(),
              ElementsAre("start_instance 1 ", "publish_route 1=1000;", "import_package d2"));
}

TEST_F(PlannerTest, StopsInstancesNobodyRecorded) {
  wants(1);
  runs("i1", 1, InstancePhase::Ready);
  runs("i0", 1, InstancePhase::Ready);
  view_.instances.back().has_row = false;
  routes_to(1, {"unix:/i1"});

  EXPECT_THAT(steps(), ElementsAre("stop_instance i0"));
}

TEST_F(PlannerTest, StopsInstancesOfAnAppTheStoreDoesNotKnow) {
  runs("i1", 7, InstancePhase::Starting);
  view_.instances.back().has_row = false;
  runs("i2", 7, InstancePhase::Stopped);
  view_.instances.back().has_row = false;

  EXPECT_THAT(steps(), ElementsAre("stop_instance i1", "remove_instance i2"));
}

TEST_F(PlannerTest, StopsASecondInstanceOfTheSameRevision) {
  wants(1);
  runs("i1", 1, InstancePhase::Starting);
  runs("i2", 1, InstancePhase::Ready);
  routes_to(1, {"unix:/i2"});

  EXPECT_THAT(steps(), ElementsAre("stop_instance i1"));
}

TEST_F(PlannerTest, ForgetsAnInstanceThatWasRecordedButIsNotWantedAnyMore) {
  wants(2);
  runs("i1", 1, InstancePhase::Starting);
  view_.instances.back().in_engine = false;
  runs("i2", 2, InstancePhase::Ready);
  routes_to(2, {"unix:/i2"});

  EXPECT_THAT(steps(), ElementsAre("remove_instance i1"));
}

TEST_F(PlannerTest, TouchesNoInstanceWhileTheEngineIsAway) {
  view_.engine_seen = false;
  wants(1);
  deploys("d1");
  deploys("d2");
  runs("i1", 1, InstancePhase::Failed);
  routes_to(1, {"unix:/i1"});

  EXPECT_THAT(steps(), ElementsAre("fail_deployment d1 superseded", "import_package d2"));
  EXPECT_THAT(steps(kNow + 600'000),
              ElementsAre("fail_deployment d1 superseded", StartsWith("fail_deployment d2 dead")));
}

}  // namespace
}  // namespace pixell::reconcile
