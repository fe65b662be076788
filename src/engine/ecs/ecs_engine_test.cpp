// What the engine decides, with tasks that do what the test says.

#include "engine/ecs/ecs_engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ecs/testing/ecs_world.hpp"

namespace pixell::engine::ecs {
namespace {

using model::Cause;
using model::InstancePhase;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Millis kGrace{30'000};
const std::string kFirst = "agent-hello";
const std::string kSecond = "agent-hello-b";

using EcsEngineTest = EcsWorld;

TEST_F(EcsEngineTest, AnInstanceIsATaskThatSaysSo) {
  ASSERT_TRUE(engine().ensure(spec("01A")));
  EXPECT_EQ(phase("01A"), InstancePhase::Starting);
  turn();

  const model::Instance seen = instance("01A");
  EXPECT_EQ(seen.phase, InstancePhase::Ready);
  EXPECT_THAT(seen.address, ::testing::MatchesRegex("10\\.0\\.0\\.[0-9]+:8080"));
  ASSERT_THAT(cloud.live(), SizeIs(1));
  EXPECT_EQ(cloud.with_instance("01A"), cloud.live().front());
  EXPECT_EQ(desired(kFirst), 1);
}

TEST_F(EcsEngineTest, EachOfManyInstancesHasItsOwnTask) {
  for (const char* id : {"01A", "01B", "01C"}) ASSERT_TRUE(engine().ensure(spec(id)));
  turn();

  EXPECT_EQ(desired(kFirst), 3);
  std::set<std::string> addresses;
  for (const char* id : {"01A", "01B", "01C"}) addresses.insert(instance(id).address);
  EXPECT_THAT(addresses, SizeIs(3));
}

// Each of three: whatever ECS would have chosen.
class EcsScaleIn : public EcsWorld, public ::testing::WithParamInterface<const char*> {};

TEST_P(EcsScaleIn, StopsExactlyTheOneThatWasAskedFor) {
  for (const char* id : {"01A", "01B", "01C"}) ASSERT_TRUE(engine().ensure(spec(id)));
  turn();

  ASSERT_TRUE(engine().stop(GetParam(), kGrace));
  EXPECT_EQ(phase(GetParam()), InstancePhase::Draining);
  turn();

  for (const char* id : {"01A", "01B", "01C"})
    EXPECT_EQ(phase(id),
              id == std::string(GetParam()) ? InstancePhase::Stopped : InstancePhase::Ready);
  EXPECT_EQ(desired(kFirst), 2);
  EXPECT_EQ(cloud.tasks.size(), 3u) << "no task was started in between";
  for (const FakeEcs::Task* task : cloud.live()) EXPECT_FALSE(task->is_protected);
  EXPECT_EQ(cloud.count("StopTask"), 0);
}

INSTANTIATE_TEST_SUITE_P(EachOne, EcsScaleIn, ::testing::Values("01A", "01B", "01C"));

TEST_F(EcsEngineTest, OneThatStayedTheLastTimeMayGoTheNextTime) {
  for (const char* id : {"01A", "01B", "01C"}) ASSERT_TRUE(engine().ensure(spec(id)));
  turn();

  for (const char* id : {"01B", "01A", "01C"}) ASSERT_TRUE(engine().stop(id, kGrace));
  turn();

  for (const char* id : {"01A", "01B", "01C"}) EXPECT_EQ(phase(id), InstancePhase::Stopped) << id;
  EXPECT_EQ(cloud.count("StopTask"), 0) << "each drains";
}

TEST_F(EcsEngineTest, WhereTasksCannotBeProtectedTheOneThatGoesIsStoppedByName) {
  for (const char* id : {"01A", "01B", "01C"}) ASSERT_TRUE(engine().ensure(spec(id)));
  turn();
  for (const FakeEcs::Task* task : cloud.live()) cloud.unprotectable.insert(task->arn);

  ASSERT_TRUE(engine().stop("01A", kGrace));
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
  EXPECT_EQ(phase("01C"), InstancePhase::Ready);
  EXPECT_EQ(cloud.count("StopTask"), 1);
  EXPECT_EQ(cloud.tasks.size(), 3u);
}

TEST_F(EcsEngineTest, AStopWhileAnotherOneStartsTakesNeitherForTheOther) {
  start(spec("01A"));
  ASSERT_TRUE(engine().ensure(spec("01B")));  // its task was not seen yet

  ASSERT_TRUE(engine().stop("01A", kGrace));
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
  EXPECT_EQ(desired(kFirst), 1);
}

TEST_F(EcsEngineTest, AnInstanceWithoutATaskIsStoppedAtOnce) {
  ASSERT_TRUE(engine().ensure(spec("01A")));
  ASSERT_TRUE(engine().stop("01A", kGrace));
  look();

  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(desired(kFirst), 0);
}

TEST_F(EcsEngineTest, WhenTheGraceHasPassedTheTaskIsStoppedByName) {
  start(spec("01A"));
  start(spec("01B"));
  ASSERT_TRUE(engine().stop("01A", kGrace));
  // ECS does not take it: somebody protected it.
  cloud.with_instance("01A")->is_protected = true;
  for (FakeEcs::Task* task : cloud.live()) task->is_protected = true;
  turn(1);
  EXPECT_EQ(phase("01A"), InstancePhase::Draining);
  EXPECT_EQ(cloud.count("StopTask"), 0);

  cloud.clock.advance(kGrace + kStopPatience);
  turn();

  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(cloud.count("StopTask"), 1);
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
}

TEST_F(EcsEngineTest, TheSpareOfOneThatEndedIsAdopted) {
  start(spec("01A"));
  cloud.exit(*cloud.with_instance("01A"), 137);
  cloud.settle_tasks();
  cloud.schedule();  // the spare
  look();
  EXPECT_EQ(phase("01A"), InstancePhase::Failed);
  EXPECT_EQ(instance("01A").exit_signal, 9);

  ASSERT_TRUE(engine().ensure(spec("01B")));
  turn();

  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
  EXPECT_THAT(cloud.tasks, SizeIs(2));
  EXPECT_EQ(desired(kFirst), 1);
}

TEST_F(EcsEngineTest, ASpareThatNobodyWantsGoesAfterAWhileAndTouchesNoOther) {
  start(spec("01A"));
  start(spec("01B"));
  cloud.exit(*cloud.with_instance("01A"), 137);
  cloud.settle_tasks();
  turn();
  turn();

  EXPECT_EQ(desired(kFirst), 1);
  EXPECT_THAT(cloud.live(), SizeIs(1));
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
  EXPECT_THAT(look(), SizeIs(2)) << "a spare is no instance";
}

TEST_F(EcsEngineTest, TheSecondRevisionHasASlotOfItsOwnAndAThirdOneWaits) {
  start(spec("01A", 1));
  start(spec("01B", 2));
  EXPECT_EQ(desired(kFirst), 1);
  EXPECT_EQ(desired(kSecond), 1);

  const auto third = engine().ensure(spec("01C", 3));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(third.error().retry, Retry::Later);
  EXPECT_THAT(look(), SizeIs(2));

  ASSERT_TRUE(engine().stop("01A", kGrace));
  start(spec("01C", 3));
  EXPECT_EQ(cloud.service(kFirst).at("taskDefinition"), cloud.with_instance("01C")->definition);
  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
}

TEST_F(EcsEngineTest, OneThatStopsDoesNotStayAsTheOneThatStarts) {
  start(spec("01A"));
  // ECS acts on neither before both are said.
  ASSERT_TRUE(engine().stop("01A", kGrace));
  start(spec("01B"));

  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  EXPECT_EQ(desired(kFirst), 1);
}

TEST_F(EcsEngineTest, ASpareOfTheFormerRevisionIsNotTheNewOnesInstance) {
  start(spec("01A", 1));
  start(spec("01B", 2));
  cloud.exit(*cloud.with_instance("01A"), 3);
  cloud.settle_tasks();
  cloud.schedule();  // a spare of revision 1
  look();
  look();

  ASSERT_TRUE(engine().ensure(spec("01C", 3)));
  turn();

  EXPECT_EQ(phase("01C"), InstancePhase::Ready);
  EXPECT_EQ(cloud.with_instance("01C")->definition, cloud.service(kFirst).at("taskDefinition"));
  EXPECT_EQ(phase("01B"), InstancePhase::Ready);
}

TEST_F(EcsEngineTest, ATaskThatIsNeverPlacedFailsWithEcssOwnWords) {
  ASSERT_TRUE(engine().ensure(spec("01A")));
  cloud.services.at(kFirst).places_tasks = false;
  cloud.service(kFirst)["events"] = {
      {{"message", "(service agent-hello) was unable to place a task."}}};
  turn();
  EXPECT_EQ(phase("01A"), InstancePhase::Starting);

  cloud.clock.advance(spec("01A").startup_timeout);
  turn();

  const model::Instance seen = instance("01A");
  EXPECT_EQ(seen.phase, InstancePhase::Failed);
  EXPECT_THAT(seen.boot_report->failure->evidence.front(), HasSubstr("unable to place"));
  turn();
  EXPECT_EQ(desired(kFirst), 0);
}

TEST_F(EcsEngineTest, ATaskThatFailsBeforeAnybodySawItIsItsInstancesEnd) {
  ASSERT_TRUE(engine().ensure(spec("01A")));
  cloud.schedule();
  cloud.live().front()->reason = "CannotPullContainerError: not found";
  FakeEcs::Task& task = *cloud.live().front();
  task.wanted = task.status = "STOPPED";
  task.stop_code = "TaskFailedToStart";
  cloud.services.at(kFirst).places_tasks = false;
  look();

  const model::Instance seen = instance("01A");
  EXPECT_EQ(seen.phase, InstancePhase::Failed);
  EXPECT_EQ(seen.boot_report->failure->cause, Cause::ImageNotFound);
}

TEST_F(EcsEngineTest, ADeploymentThatEcsGaveUpFailsItsInstanceAndIsBegunAnewByTheNext) {
  ASSERT_TRUE(engine().ensure(spec("01A")));
  cloud.services.at(kFirst).places_tasks = false;
  cloud.service(kFirst)["deployments"][0]["rolloutState"] = "FAILED";
  cloud.service(kFirst)["deployments"][0]["rolloutStateReason"] = "circuit breaker";
  look();
  EXPECT_EQ(phase("01A"), InstancePhase::Failed);
  look();
  look();

  cloud.services.at(kFirst).places_tasks = true;
  start(spec("01B"));

  EXPECT_EQ(cloud.service(kFirst)["deployments"][0]["rolloutState"], "IN_PROGRESS");
}

TEST_F(EcsEngineTest, ParsOwnWordIsWaitedFor) {
  ASSERT_TRUE(engine().ensure(spec("01A")));
  cloud.schedule();
  look();
  FakeEcs::Task& task = *cloud.live().front();
  task.status = "RUNNING";
  cloud.exit(task, 13);
  cloud.settle_tasks();
  cloud.clock.advance(kMotionLook);
  EXPECT_EQ(phase("01A"), InstancePhase::Draining) << "CloudWatch has no line yet";

  task.log = {R"({"event":"Boot failed","cause":"missing_module","message":"no x"})"};
  cloud.clock.advance(kMotionLook);

  EXPECT_EQ(phase("01A"), InstancePhase::Failed);
  EXPECT_EQ(instance("01A").boot_report->failure->cause, Cause::MissingModule);
  EXPECT_EQ(instance("01A").exit_code, 13);
}

TEST_F(EcsEngineTest, AnEndedInstanceIsThereWhenEcsHasForgottenItsTask) {
  start(spec("01A"));
  ASSERT_TRUE(engine().stop("01A", kGrace));
  turn();
  cloud.forget_stopped();
  cloud.clock.advance(Millis(3'600'000));
  restart();

  EXPECT_THAT(look(), SizeIs(1));
  EXPECT_EQ(phase("01A"), InstancePhase::Stopped);
  ASSERT_TRUE(engine().remove("01A"));
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(EcsEngineTest, ATaskThatEndedLongAgoWhileNobodyLookedIsAFailure) {
  start(spec("01A"));
  cloud.exit(*cloud.with_instance("01A"), 0);
  cloud.settle_tasks();
  cloud.forget_stopped();
  look();

  EXPECT_EQ(phase("01A"), InstancePhase::Failed);
  EXPECT_EQ(instance("01A").boot_report->failure->cause, Cause::EngineFailed);
}

TEST_F(EcsEngineTest, WhatSomebodyChangedIsPutRight) {
  start(spec("01A"));
  cloud.service(kFirst)["desiredCount"] = 5;
  cloud.takes_oldest = true;
  turn();
  turn();
  EXPECT_EQ(desired(kFirst), 1);
  EXPECT_EQ(phase("01A"), InstancePhase::Ready);

  cloud.service(kFirst)["status"] = "INACTIVE";
  cloud.tasks.clear();
  look();
  EXPECT_EQ(phase("01A"), InstancePhase::Failed);
  start(spec("01B"));
  EXPECT_EQ(cloud.count("CreateService"), 2);
}

TEST_F(EcsEngineTest, ADefinitionThatSomebodyChangedIsPutRight) {
  start(spec("01A"));
  const std::string before = cloud.service(kFirst).at("taskDefinition").get<std::string>();
  cloud.service(kFirst)["taskDefinition"] = "arn:aws:ecs:us-east-2:1:task-definition/other:1";
  look();
  look();

  EXPECT_EQ(cloud.service(kFirst).at("taskDefinition"), before);
  EXPECT_EQ(desired(kFirst), 1);
}

TEST_F(EcsEngineTest, CloudMapIsToldAndNeverAnInstancesTrouble) {
  settings_.discovery = "agents";
  restart();
  start(spec("01A"));  // this AWS has no Cloud Map
  const int asked = cloud.count("ListNamespaces");
  EXPECT_GE(asked, 1);

  cloud.clock.advance(kDiscoveryRetry);
  look();

  EXPECT_GT(cloud.count("ListNamespaces"), asked);
  EXPECT_EQ(phase("01A"), InstancePhase::Ready);
}

TEST_F(EcsEngineTest, TasksOfOthersAreNotTouched) {
  FakeEcs::Task other;
  other.arn = "arn:aws:ecs:us-east-2:123456789012:task/c/other";
  other.service = kFirst;
  other.status = "RUNNING";
  other.health = "HEALTHY";
  cloud.tasks.emplace(other.arn, other);
  const auto seen = look();

  EXPECT_THAT(seen, IsEmpty());
  EXPECT_EQ(cloud.count("DescribeTasks"), 1);
  look();
  EXPECT_EQ(cloud.count("DescribeTasks"), 1) << "it is known as somebody else's";
}

TEST_F(EcsEngineTest, WhatAnInstanceUsesItsParIsAskedAtItsAddress) {
  ASSERT_TRUE(engine().ensure(spec("01A")));
  EXPECT_EQ(engine().usage("01A").error().code, ErrorCode::FailedPrecondition) << "no task yet";
  turn();
  const auto silent = engine().usage("01A");
  EXPECT_EQ(silent.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(silent.error().message, HasSubstr(instance("01A").address));

  cloud.metrics[instance("01A").address] =
      "pixell_process_cpu_seconds_total{process=\"par\"} 0.5\n"
      "pixell_process_resident_memory_bytes{process=\"par\"} 4096\n"
      "pixell_process_threads{process=\"par\"} 3\n";

  EXPECT_EQ(engine().usage("01A")->memory_bytes, 4096);
  EXPECT_EQ(engine().usage("01Z").error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace pixell::engine::ecs
