#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ecs/testing/ecs_world.hpp"
#include "engine/scaler.hpp"

namespace pixell::engine::ecs {
namespace {

using model::InstancePhase;
using model::Scaling;
using model::ScalingOrder;
using nlohmann::json;
using ::testing::IsEmpty;

constexpr const char* kApp = "hello";
constexpr const char* kService = "agent-hello";
constexpr const char* kOther = "agent-hello-b";
constexpr Scaling kScaling{.min_instances = 1, .max_instances = 4, .percent = 60};
constexpr Millis kGrace{30'000};

std::string resource(const std::string& service) {
  return "service/pixell-runtime-cluster/" + service;
}

class EcsScaling : public EcsWorld {
 protected:
  void scale(const std::optional<ScalingOrder>& order, int instances = 1) {
    const auto told = engine().scaler()->scale_app(kApp, order, instances);
    ASSERT_TRUE(told) << told.error().message;
  }
  static ScalingOrder order(std::int64_t revision = 1, bool is_suspended = false) {
    return {.scaling = kScaling, .revision = revision, .is_suspended = is_suspended};
  }
  // Some instances of revision 1, scaled.
  void begin(int count) {
    for (int i = 1; i <= count; ++i) start(spec("i" + std::to_string(i)));
    scale(order());
    turn();
  }
  // What Application Auto Scaling does.
  void aws_wants(int count, const std::string& service = kService) {
    cloud.service(service)["desiredCount"] = count;
  }
  int wanted() {
    const auto report = engine().scaler()->scaling_of(kApp);
    return report && *report ? (*report)->instances : -1;
  }
  json& target(const std::string& service = kService) { return cloud.targets[resource(service)]; }
  bool is_suspended(const std::string& service = kService) {
    return target(service).at("SuspendedState").at("DynamicScalingInSuspended").get<bool>();
  }
};

TEST_F(EcsScaling, TheServiceIsAScalableTargetWithAPolicy) {
  begin(1);

  EXPECT_EQ(target().at("MinCapacity"), 1);
  EXPECT_EQ(target().at("MaxCapacity"), 4);
  EXPECT_FALSE(is_suspended());
  EXPECT_EQ(target().at("Tags").at("pixell:app"), kApp);
  const json& tracking =
      cloud.policies[resource(kService)].at("TargetTrackingScalingPolicyConfiguration");
  EXPECT_EQ(tracking.at("TargetValue"), 60);
  EXPECT_EQ(tracking.at("/PredefinedMetricSpecification/PredefinedMetricType"_json_pointer),
            "ECSServiceAverageCPUUtilization");
  EXPECT_EQ(tracking.at("ScaleInCooldown"), kScaleInCooldownSeconds);
}

TEST_F(EcsScaling, TheSameAgainTellsAwsNothing) {
  begin(2);
  const int told = cloud.count("RegisterScalableTarget") + cloud.count("PutScalingPolicy");

  scale(order());
  turn();
  restart();
  turn();

  EXPECT_EQ(cloud.count("RegisterScalableTarget") + cloud.count("PutScalingPolicy"), told);
  EXPECT_EQ(desired(kService), 2);
}

TEST_F(EcsScaling, WhatAwsAddsIsGivenToTheInstancesThatAreStartedForIt) {
  begin(2);
  const int updates = cloud.count("UpdateService");

  aws_wants(3);
  turn();
  EXPECT_EQ(wanted(), 3);
  ASSERT_EQ(cloud.live().size(), 3u) << "the spare one is kept";
  ASSERT_TRUE(engine().ensure(spec("i3")));
  turn();

  EXPECT_EQ(phase("i3"), InstancePhase::Ready);
  EXPECT_EQ(cloud.live().size(), 3u);
  EXPECT_EQ(cloud.count("UpdateService"), updates) << "the number is not ours to write";
  EXPECT_EQ(desired(kService), 3);
}

TEST_F(EcsScaling, WhatAwsTakesAwayIsExactlyTheOneThatIsStopped) {
  for (const bool takes_oldest : {false, true}) {
    SCOPED_TRACE(takes_oldest);
    cloud.takes_oldest = takes_oldest;
    if (!takes_oldest) begin(3);
    if (takes_oldest) {
      aws_wants(3);
      turn();
      ASSERT_TRUE(engine().ensure(spec("i4")));
      turn();
    }
    const int updates = cloud.count("UpdateService");

    aws_wants(2);
    turn();
    EXPECT_EQ(wanted(), 2);
    EXPECT_EQ(cloud.live().size(), 3u) << "all of them are protected";
    const std::string going = takes_oldest ? "i4" : "i2";
    ASSERT_TRUE(engine().stop(going, kGrace));
    turn();

    EXPECT_EQ(phase(going), InstancePhase::Stopped);
    EXPECT_EQ(phase("i1"), InstancePhase::Ready);
    EXPECT_EQ(phase("i3"), InstancePhase::Ready);
    EXPECT_EQ(cloud.count("StopTask"), 0);
    EXPECT_EQ(cloud.count("UpdateService"), updates);
    ASSERT_TRUE(engine().remove(going));
  }
}

TEST_F(EcsScaling, OneThatAwsWantsAgainMeanwhileIsStoppedByName) {
  begin(3);
  aws_wants(2);
  turn();
  aws_wants(3);
  turn();

  ASSERT_TRUE(engine().stop("i3", kGrace));
  turn();

  EXPECT_EQ(phase("i3"), InstancePhase::Stopped);
  EXPECT_EQ(cloud.count("StopTask"), 1);
  EXPECT_EQ(desired(kService), 3);
  ASSERT_TRUE(engine().ensure(spec("i4")));
  turn();
  EXPECT_EQ(phase("i4"), InstancePhase::Ready);
  EXPECT_EQ(cloud.live().size(), 3u);
}

TEST_F(EcsScaling, OnlyTheBoundsAreWritten) {
  begin(2);

  aws_wants(9);
  turn();
  EXPECT_EQ(wanted(), 4);
  EXPECT_EQ(desired(kService), 4);

  aws_wants(0);
  turn();
  EXPECT_EQ(wanted(), 1);
  EXPECT_EQ(desired(kService), 1);
}

TEST_F(EcsScaling, AHigherMinimumIsReachedWithoutWaitingForAws) {
  begin(1);
  ScalingOrder higher = order();
  higher.scaling.min_instances = 3;

  scale(higher, 3);

  EXPECT_EQ(desired(kService), 3);
  EXPECT_EQ(target().at("MinCapacity"), 3);
  EXPECT_EQ(wanted(), 3);
}

TEST_F(EcsScaling, ATaskThatEndsIsReplacedAndTheNumberStays) {
  begin(2);
  const int updates = cloud.count("UpdateService");
  cloud.exit(*cloud.with_instance("i1"), 137);
  turn(6);
  EXPECT_EQ(phase("i1"), InstancePhase::Failed);

  ASSERT_TRUE(engine().ensure(spec("i3")));
  turn();

  EXPECT_EQ(phase("i3"), InstancePhase::Ready);
  EXPECT_EQ(wanted(), 2);
  EXPECT_EQ(cloud.count("UpdateService"), updates);
}

TEST_F(EcsScaling, ARolloutSuspendsItAndTheNextRevisionIsScaled) {
  begin(2);
  scale(order(1, true));
  EXPECT_TRUE(is_suspended());
  start(spec("n1", 2));
  start(spec("n2", 2));
  EXPECT_EQ(desired(kOther), 2);

  scale(order(2));
  turn();

  EXPECT_FALSE(cloud.targets.contains(resource(kService)));
  EXPECT_FALSE(cloud.policies.contains(resource(kService)));
  EXPECT_FALSE(is_suspended(kOther));
  ASSERT_TRUE(engine().stop("i1", kGrace));
  ASSERT_TRUE(engine().stop("i2", kGrace));
  turn();
  EXPECT_EQ(desired(kService), 0);
  aws_wants(3, kOther);
  turn();
  EXPECT_EQ(wanted(), 3);
}

TEST_F(EcsScaling, WhileItIsSuspendedTheNumberIsOurs) {
  begin(2);
  scale(order(1, true));

  aws_wants(4);
  turn(12);

  EXPECT_EQ(desired(kService), 2);
  EXPECT_EQ(cloud.live().size(), 2u);
  EXPECT_EQ(wanted(), 2);
}

TEST_F(EcsScaling, WithoutTheSettingNothingOfItIsLeft) {
  begin(3);

  scale({});
  ASSERT_TRUE(engine().stop("i2", kGrace));
  turn();

  EXPECT_THAT(cloud.targets, IsEmpty());
  EXPECT_THAT(cloud.policies, IsEmpty());
  EXPECT_EQ(wanted(), -1);
  EXPECT_EQ(phase("i2"), InstancePhase::Stopped);
  EXPECT_EQ(desired(kService), 2);
  for (const FakeEcs::Task* task : cloud.live()) EXPECT_FALSE(task->is_protected);
  const int asked = cloud.count("DescribeScalableTargets");
  turn();
  EXPECT_EQ(cloud.count("DescribeScalableTargets"), asked);
}

TEST_F(EcsScaling, WhatSomebodyChangedIsPutRight) {
  begin(1);
  target()["MaxCapacity"] = 40;
  cloud.policies.clear();

  cloud.clock.advance(kDriftLook);
  turn(1);

  EXPECT_EQ(target().at("MaxCapacity"), 4);
  EXPECT_EQ(cloud.policies.size(), 1u);
}

TEST_F(EcsScaling, WhatAwsRefusesIsToldAgainAndHoldsNothingUp) {
  cloud.refused["RegisterScalableTarget"] = "AccessDeniedException";
  begin(1);
  EXPECT_THAT(cloud.targets, IsEmpty());
  const int asked = cloud.count("RegisterScalableTarget");
  look();
  EXPECT_EQ(cloud.count("RegisterScalableTarget"), asked) << "not with each look";
  EXPECT_EQ(phase("i1"), InstancePhase::Ready);

  cloud.refused.clear();
  cloud.clock.advance(kScalingRetry);
  turn();

  EXPECT_EQ(target().at("MaxCapacity"), 4);
}

TEST_F(EcsScaling, AnAnswerThatIsLostChangesNothingInTheEnd) {
  begin(2);
  for (const char* action : {"RegisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy",
                             "DeregisterScalableTarget", "UpdateTaskProtection"}) {
    SCOPED_TRACE(action);
    scale({});
    cloud.lost.insert(action);
    scale(order());
    turn();
    scale({});
    turn();
    scale(order());
    cloud.lost.clear();
    cloud.clock.advance(kScalingRetry);
    turn();

    EXPECT_FALSE(is_suspended());
    EXPECT_EQ(cloud.policies.size(), 1u);
    EXPECT_EQ(cloud.live().size(), 2u);
    EXPECT_EQ(desired(kService), 2);
  }
}

TEST_F(EcsScaling, ADeletedAppLeavesNoTargetBehind) {
  begin(1);
  cloud.refused["DeregisterScalableTarget"] = "ThrottlingException";
  scale({});
  ASSERT_TRUE(engine().stop("i1", kGrace));
  turn();
  ASSERT_TRUE(engine().remove("i1"));
  EXPECT_FALSE(engine().forget_app(kApp)) << "the target is there still";

  cloud.refused.clear();
  cloud.clock.advance(kForgetPause);
  (void)engine().forget_app(kApp);  // the rest of the app is not this test's

  EXPECT_THAT(cloud.targets, IsEmpty());
}

TEST_F(EcsScaling, TasksThatCannotBeProtectedAreNotLeftToAws) {
  start(spec("i1"));
  cloud.unprotectable.insert(cloud.with_instance("i1")->arn);

  scale(order());
  turn();
  EXPECT_THAT(cloud.targets, IsEmpty());

  cloud.unprotectable.clear();
  turn();
  EXPECT_FALSE(is_suspended());
}

TEST_F(EcsScaling, ProtectionIsRenewedBeforeItEnds) {
  begin(1);
  const int asked = cloud.count("UpdateTaskProtection");

  cloud.clock.advance(Millis(kScaledProtectionMinutes * 60'000 / 2));
  turn();

  EXPECT_EQ(cloud.count("UpdateTaskProtection"), asked + 1);
}

TEST_F(EcsScaling, AnotherProcessGoesOn) {
  begin(2);
  aws_wants(3);
  restart();
  turn();
  EXPECT_EQ(wanted(), 3);

  restart();
  EXPECT_EQ(wanted(), 3);
  ASSERT_TRUE(engine().ensure(spec("i3")));
  turn();
  EXPECT_EQ(phase("i3"), InstancePhase::Ready);
}

TEST_F(EcsScaling, AServiceThatIsGoneIsMadeAnewWithItsNumber) {
  begin(2);
  aws_wants(3);
  turn();
  for (FakeEcs::Task* task : cloud.live()) cloud.exit(*task, 0);
  cloud.services.erase(kService);

  turn();
  ASSERT_TRUE(engine().ensure(spec("i5")));
  turn();

  EXPECT_EQ(cloud.service(kService).at("status"), "ACTIVE");
  EXPECT_EQ(desired(kService), 3);
}

}  // namespace
}  // namespace pixell::engine::ecs
