// What is left when control ends in the middle, or AWS does not answer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/ecs/installation.hpp"
#include "engine/ecs/testing/ecs_world.hpp"

namespace pixell::engine::ecs {
namespace {

using model::InstancePhase;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;
constexpr Millis kGrace{30'000};
const std::string kService = "agent-hello";

using EcsCrash = EcsWorld;

TEST_F(EcsCrash, RecordedAndNothingAsked) {
  cloud.is_down = true;
  const auto started = engine().ensure(spec("01A"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(started.error().retry, Retry::Later);
  restart();
  EXPECT_FALSE(engine().list()) << "what AWS has is not known";

  cloud.is_down = false;
  look();
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Ready);
  EXPECT_EQ(desired(kService), 1);
}

class EcsLostReply : public EcsWorld, public ::testing::WithParamInterface<const char*> {};

TEST_P(EcsLostReply, OfAStart) {
  cloud.lost = {GetParam()};
  const auto started = engine().ensure(spec("01A"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::Unavailable);
  cloud.lost.clear();
  restart();
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Ready);
  EXPECT_EQ(desired(kService), 1);
  EXPECT_THAT(cloud.tasks, SizeIs(1));
  EXPECT_THAT(cloud.services, SizeIs(1));
}

INSTANTIATE_TEST_SUITE_P(EachChange, EcsLostReply,
                         ::testing::Values("RegisterTaskDefinition", "CreateService"));

class EcsLostStop : public EcsWorld, public ::testing::WithParamInterface<const char*> {};

TEST_P(EcsLostStop, StopsTheSameOneAfterARestart) {
  start(spec("01A"));
  start(spec("01B"));
  cloud.lost = {GetParam()};
  ASSERT_TRUE(engine().stop("01A", kGrace)) << "it is recorded";
  EXPECT_EQ(phase("01A"), InstancePhase::Draining);
  cloud.schedule();
  cloud.lost.clear();
  restart();
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
  EXPECT_EQ(desired(kService), 1);
  EXPECT_THAT(cloud.tasks, SizeIs(2));
  EXPECT_FALSE(cloud.live().front()->is_protected);
}

INSTANTIATE_TEST_SUITE_P(EachChange, EcsLostStop,
                         ::testing::Values("UpdateTaskProtection", "UpdateService"));

TEST_F(EcsCrash, AStopIsCarriedOutWhenAwsIsBack) {
  start(spec("01A"));
  cloud.is_down = true;
  ASSERT_TRUE(engine().stop("01A", kGrace));
  restart();
  cloud.is_down = false;
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(desired(kService), 0);
}

TEST_F(EcsCrash, TheTagAloneIsEnough) {
  start(spec("01A"));
  start(spec("01B"));
  settings_.installation = *find_installation(state_.path(), settings_);
  fs::remove_all(state_.path() / "ecs");
  restart();
  turn();

  EXPECT_THAT(look(), SizeIs(2));
  EXPECT_EQ(phase("01A"), InstancePhase::Ready);
  EXPECT_EQ(instance("01A").revision, 1);
  ASSERT_TRUE(engine().ensure(spec("01A"))) << "what else it is, is told again";
  ASSERT_TRUE(engine().stop("01A", kGrace));
  turn();
  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
  EXPECT_THAT(cloud.tasks, SizeIs(2));
}

TEST_F(EcsCrash, AnotherStateDirectoryIsAnotherInstallation) {
  start(spec("01A"));
  fs::remove_all(state_.path() / "ecs");
  restart();
  turn();

  EXPECT_THAT(look(), IsEmpty()) << "whose these are, nothing here says";
  EXPECT_THAT(cloud.live(), SizeIs(1)) << "and so they are left alone";
}

TEST_F(EcsCrash, TheRecordAloneIsEnough) {
  cloud.refused["TagResource"] = "AccessDeniedException";
  start(spec("01A"));
  EXPECT_EQ(cloud.with_instance("01A"), nullptr);
  restart();
  cloud.refused.clear();
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Ready);
  EXPECT_EQ(cloud.with_instance("01A"), cloud.live().front()) << "the tag is made up for";
}

TEST_F(EcsCrash, ARestartInTheMiddleOfEverythingDoublesNothing) {
  start(spec("01A", 1));
  ASSERT_TRUE(engine().ensure(spec("01B", 2)));
  cloud.schedule();
  restart();
  turn();
  ASSERT_TRUE(engine().stop("01A", kGrace));
  restart();
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
  EXPECT_THAT(cloud.tasks, SizeIs(2));
  EXPECT_EQ(desired(kService), 0);
  EXPECT_EQ(desired("agent-hello-b"), 1);
}

TEST_F(EcsCrash, AnInstanceThatWasRemovedLeavesNoTaskBehind) {
  start(spec("01A"));
  cloud.exit(*cloud.with_instance("01A"), 137);
  cloud.settle_tasks();
  cloud.schedule();
  look();
  ASSERT_TRUE(engine().remove("01A"));
  restart();  // before the spare was sent away
  turn();
  turn();

  EXPECT_THAT(look(), IsEmpty());
  EXPECT_EQ(desired(kService), 0);
  EXPECT_THAT(cloud.live(), IsEmpty());
}

TEST_F(EcsCrash, ManyIdleServicesCostFewCalls) {
  constexpr int kApps = 250;
  for (int i = 0; i < kApps; ++i) {
    InstanceSpec each = spec("01A" + std::to_string(10'000 + i));
    each.app_id = "app-" + std::to_string(i);
    ASSERT_TRUE(engine().ensure(each));
  }
  turn(2);
  const auto seen = look();
  ASSERT_THAT(seen, SizeIs(kApps));
  for (const model::Instance& each : seen) ASSERT_EQ(each.phase, InstancePhase::Ready);

  cloud.asked.clear();
  look();

  // A page and a batch for each hundred tasks, and the services whose turn it is: whatever there
  // is.
  EXPECT_EQ(cloud.count("ListTasks"), 3);
  EXPECT_EQ(cloud.count("DescribeTasks"), 3);
  EXPECT_EQ(cloud.count("DescribeServices"), int(kServicesPerLook / kMaxDescribedServices));
  EXPECT_EQ(cloud.asked.size(), 16u);
}

}  // namespace
}  // namespace pixell::engine::ecs
