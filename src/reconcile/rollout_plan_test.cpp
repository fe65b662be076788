#include "reconcile/rollout_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pixell::reconcile {
namespace {

using model::StrategyKind;
using model::TrafficLeg;
using ::testing::ElementsAre;

constexpr UnixMillis kNow = 1'700'000'000'000;

// Revision 2 on its way beside revision 1.
class RolloutPlan : public ::testing::Test {
 protected:
  RolloutPlan() {
    base_.legs = {{.revision = 1, .weight_permille = 1000}};
    deployment_.revision = 2;
  }
  void canary() {
    deployment_.strategy = {.kind = StrategyKind::Canary,
                            .steps = {{.weight_permille = 100, .seconds = 60}, {500, 60}}};
  }
  RolloutFacts facts(int ready = 1, int wanted = 1, int routed = 0) {
    return {.deployment = deployment_,
            .base = base_,
            .wanted = wanted,
            .ready = ready,
            .routed_weight = routed};
  }
  RolloutTarget target(int ready = 1, int wanted = 1, int routed = 0) {
    return rollout_target(facts(ready, wanted, routed), kNow);
  }
  std::vector<TrafficLeg> meanwhile(int ready = 1) {
    return traffic_meanwhile(facts(ready), target(ready)).legs;
  }
  void in_stage(int stage, std::int64_t held_ms) {
    deployment_.rollout.stage = stage;
    deployment_.rollout.stage_started_at = kNow - held_ms;
  }

  model::Traffic base_;
  model::Deployment deployment_;
};

TEST_F(RolloutPlan, RollsWithTheInstancesThatAreReady) {
  EXPECT_EQ(target(0, 4).weight, 0);
  EXPECT_EQ(target(1, 4).weight, 250);
  EXPECT_FALSE(target(3, 4).is_reached);
  EXPECT_EQ(target(4, 4).weight, 1000);
  EXPECT_TRUE(target(4, 4).is_reached);
  EXPECT_TRUE(target(4, 4).is_last);
  EXPECT_EQ(target(0, 4).instances, 4);
}

TEST_F(RolloutPlan, GivesACanaryItsShareWhenEnoughInstancesAreReady) {
  canary();

  EXPECT_EQ(target(0, 10).weight, 0);
  EXPECT_EQ(target(0, 10).instances, 1);
  EXPECT_EQ(target(1, 10).weight, 100);
  EXPECT_TRUE(target(1, 10).is_reached);
  EXPECT_EQ(target(1, 10).stage, 0);
  EXPECT_FALSE(target(1, 10).is_last);
}

TEST_F(RolloutPlan, HoldsAStageForItsTime) {
  canary();
  in_stage(0, 59'999);
  EXPECT_EQ(target().weight, 100);
  EXPECT_EQ(target().look_again_at, kNow + 1);

  in_stage(0, 60'000);
  EXPECT_EQ(target().stage, 1);
  EXPECT_EQ(target().weight, 500);
  EXPECT_EQ(target(1, 10).weight, 100) << "the next stage needs five instances";
  EXPECT_EQ(target(1, 10).instances, 5);

  in_stage(1, 60'000);
  EXPECT_TRUE(target().is_last);
  EXPECT_EQ(target().weight, 1000);
  EXPECT_EQ(target(5, 10).weight, 500);
}

TEST_F(RolloutPlan, KeepsTheShareOfAStageWhileOneInstanceIsReplaced) {
  canary();
  in_stage(1, 10);

  EXPECT_EQ(target(4, 10).weight, 500);
  EXPECT_FALSE(target(4, 10).is_reached);
  EXPECT_EQ(target(0, 10).weight, 0);
}

TEST_F(RolloutPlan, BakesABlueGreenWithAllTraffic) {
  deployment_.strategy = {.kind = StrategyKind::BlueGreen, .bake_seconds = 60};
  EXPECT_EQ(target(1, 2).weight, 0);
  EXPECT_EQ(target(2, 2).weight, 1000);
  EXPECT_FALSE(target(2, 2).is_last);

  in_stage(0, 60'000);

  EXPECT_TRUE(target(2, 2).is_last);
  EXPECT_TRUE(target(2, 2).is_reached);
}

TEST_F(RolloutPlan, PausesWithTheShareItHas) {
  canary();
  in_stage(0, 1'000'000);
  deployment_.rollout = after(deployment_.rollout, model::RolloutCommand::Pause, kNow);

  EXPECT_EQ(target(9, 9, 100).weight, 100);
  EXPECT_FALSE(target(9, 9, 100).is_reached);
}

TEST_F(RolloutPlan, PromotesToTheEnd) {
  canary();
  deployment_.rollout.is_promoted = true;

  EXPECT_TRUE(target().is_last);
  EXPECT_EQ(target().weight, 1000);
}

TEST_F(RolloutPlan, GivesAFirstDeploymentEverythingWhateverItsStrategy) {
  base_ = {};
  canary();

  EXPECT_EQ(target().weight, 1000);
  EXPECT_TRUE(target().is_last);
  EXPECT_THAT(meanwhile(0), ElementsAre(TrafficLeg{2, 1000, ""}));
}

TEST_F(RolloutPlan, TagsARevisionOnTrialWhileThereAreStages) {
  canary();
  EXPECT_THAT(meanwhile(), ElementsAre(TrafficLeg{1, 900, ""}, TrafficLeg{2, 100, ""},
                                       TrafficLeg{2, 0, "candidate"}));
  deployment_.strategy = {};
  EXPECT_THAT(meanwhile(), ElementsAre(TrafficLeg{2, 1000, ""}));
}

TEST_F(RolloutPlan, LeavesPinnedTrafficAlone) {
  base_.is_pinned = true;
  deployment_.tag = "next";

  EXPECT_FALSE(target().takes_traffic);
  EXPECT_TRUE(target().is_reached);
  EXPECT_EQ(meanwhile(), base_.legs);
  EXPECT_THAT(traffic_at_end(facts(), target()).legs,
              ElementsAre(TrafficLeg{1, 1000, ""}, TrafficLeg{2, 0, "next"}));
  deployment_.kind = model::DeploymentKind::Rollback;
  EXPECT_TRUE(target().takes_traffic) << "whoever rolls back means it";
}

TEST_F(RolloutPlan, MovesNoTrafficWhenItIsNotToldTo) {
  deployment_.moves_traffic = false;

  EXPECT_EQ(traffic_at_end(facts(), target()), base_);
}

TEST_F(RolloutPlan, BacksOutForErrorsAndLatencyOnlyWithEvidence) {
  const model::HealthLimits limits{.max_error_permille = 50, .max_p95_ms = 200, .min_requests = 20};
  EXPECT_FALSE(unhealthy(limits, {.requests = 19, .errors = 19}));
  EXPECT_FALSE(unhealthy(limits, {.requests = 100, .errors = 5, .p95_ms = 200}));

  const auto errors = unhealthy(limits, {.requests = 100, .errors = 6});
  const auto slow = unhealthy(limits, {.requests = 100, .errors = 0, .p95_ms = 201});

  ASSERT_TRUE(errors && slow);
  EXPECT_EQ(errors->cause, model::Cause::Unhealthy);
  EXPECT_THAT(errors->message, ::testing::HasSubstr("6 of 100"));
  EXPECT_THAT(slow->message, ::testing::HasSubstr("201 ms"));
  EXPECT_FALSE(unhealthy({.max_error_permille = 1000, .min_requests = 1},
                         {.requests = 50, .errors = 50, .p95_ms = 99'999}));
}

TEST_F(RolloutPlan, CountsInstancesForAShare) {
  EXPECT_EQ(instances_for(1, 1), 1);
  EXPECT_EQ(instances_for(10, 0), 1);
  EXPECT_EQ(instances_for(10, 101), 2);
  EXPECT_EQ(instances_for(10, 1000), 10);
}

}  // namespace
}  // namespace pixell::reconcile
