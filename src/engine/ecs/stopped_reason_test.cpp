#include "engine/ecs/stopped_reason.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pixell::engine::ecs {
namespace {

using model::Cause;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Row {
  const char* stop_code;
  const char* reason;
  const char* container;
  std::optional<int> exit_code;
  Cause cause;
};

TaskFacts task_of(const Row& row) {
  TaskFacts task;
  task.status = task.wanted = "STOPPED";
  task.stop_code = row.stop_code;
  task.stopped_reason = row.reason;
  task.container_reason = row.container;
  task.exit_code = row.exit_code;
  return task;
}

class EcsStoppedReason : public ::testing::TestWithParam<Row> {};

TEST_P(EcsStoppedReason, HasACauseAndARemedyAndAwssOwnWords) {
  const model::Failure failure = failure_of_task(task_of(GetParam()), {});

  EXPECT_EQ(failure.cause, GetParam().cause) << failure.message;
  EXPECT_THAT(failure.remedy, Not(IsEmpty()));
  EXPECT_THAT(failure.evidence, Contains(GetParam().reason));
}

// The texts are those of AWS's documentation.
INSTANTIATE_TEST_SUITE_P(
    Words, EcsStoppedReason,
    ::testing::Values(
        Row{"TaskFailedToStart",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            "resolve ref",
            "",
            {},
            Cause::ImageNotFound},
        Row{"TaskFailedToStart",
            "ResourceInitializationError: unable to pull secrets or registry auth: execution "
            "resource retrieval failed: unable to retrieve secret from asm",
            "",
            {},
            Cause::ConfigInvalid},
        Row{"TaskFailedToStart",
            "ResourceInitializationError: failed to validate logger args: The task cannot find the "
            "Amazon CloudWatch log group defined in the task definition.",
            "",
            {},
            Cause::EngineFailed},
        Row{"EssentialContainerExited", "Essential container in task exited",
            "OutOfMemoryError: Container killed due to memory usage", 137, Cause::OutOfMemory},
        Row{"ServiceSchedulerInitiated", "Task failed container health checks", "", 0,
            Cause::Unresponsive},
        Row{"SpotInterruption", "Your Spot Task was interrupted.", "", 143, Cause::EngineFailed},
        Row{"TaskFailedToStart",
            "Capacity is unavailable at this time. Please try again later or in a different "
            "availability zone",
            "",
            {},
            Cause::EngineFailed},
        Row{"EssentialContainerExited", "Essential container in task exited", "", 137,
            Cause::Signalled},
        Row{"EssentialContainerExited", "Essential container in task exited", "", 3, Cause::Exited},
        Row{"", "who knows", "", {}, Cause::EngineFailed}));

const std::string kParsWord =
    R"({"event":"Boot failed","cause":"missing_module","message":"no module named x",)"
    R"("evidence":["ImportError: x"],"remedy":"Add x to requirements.txt.","exit_code":13})";

TEST(EcsStoppedReasonOfPar, ParKnowsBetterThanAws) {
  const Row row{"EssentialContainerExited", "Essential container in task exited", "", 13,
                Cause::Exited};
  const model::Failure failure =
      failure_of_task(task_of(row), {"no json", R"({"event":"Boot"})", kParsWord, "[]"});

  EXPECT_EQ(failure.cause, Cause::MissingModule);
  EXPECT_EQ(failure.message, "no module named x");
  EXPECT_THAT(failure.evidence, ElementsAre("ImportError: x"));
  EXPECT_EQ(failure.remedy, "Add x to requirements.txt.");
}

TEST(EcsStoppedReasonOfPar, ButNotAboutMemory) {
  const Row row{"EssentialContainerExited", "", "OutOfMemoryError: killed", 137, Cause::Exited};
  EXPECT_EQ(failure_of_task(task_of(row), {kParsWord}).cause, Cause::OutOfMemory);
}

TEST(EcsStoppedReasonOfPar, WithoutItsWordTheLogIsEvidence) {
  const Row row{"EssentialContainerExited", "Essential container in task exited", "", 3,
                Cause::Exited};
  const model::Failure failure = failure_of_task(
      task_of(row), {R"({"event":"Boot failed","cause":"a newer cause"})", "panic: oh"});

  EXPECT_EQ(failure.cause, Cause::Exited);
  EXPECT_EQ(failure.evidence.back(), "panic: oh");
}

TEST(EcsServiceFailure, EventsAreReadForTheCause) {
  ServiceFacts service;
  service.events = {
      "(service agent-x) was unable to place a task. Reason: You've reached the limit on the "
      "number of vCPUs you can run concurrently."};
  const model::Failure failure = failure_of_service(service, "no task within 300 s");

  EXPECT_EQ(failure.cause, Cause::EngineFailed);
  EXPECT_THAT(failure.message, HasSubstr("quota"));
  EXPECT_THAT(failure.message, HasSubstr("no task within 300 s"));
  EXPECT_EQ(failure.evidence, service.events);
}

TEST(EcsServiceFailure, WithoutAnyWordItIsTheDeadline) {
  ServiceFacts service;
  service.failure = "ECS deployment circuit breaker: tasks failed to start.";
  const model::Failure failure = failure_of_service(service, "no task");

  EXPECT_EQ(failure.cause, Cause::StartupTimeout);
  EXPECT_THAT(failure.evidence, ElementsAre(service.failure));
}

}  // namespace
}  // namespace pixell::engine::ecs
