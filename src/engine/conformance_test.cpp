#include "engine/testing/conformance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "base/ids.hpp"

// What every engine must do; see engine/testing/conformance.hpp.
namespace pixell::engine {

using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

namespace {

// Only a hung engine runs into it.
constexpr Millis kPatience{60'000};
constexpr Millis kGrace{2'000};

bool may_follow(model::InstancePhase before, model::InstancePhase after) {
  using enum model::InstancePhase;
  const auto rank = [](model::InstancePhase phase) {
    switch (phase) {
      case Starting:
        return 0;
      case Ready:
        return 1;
      case Draining:
        return 2;
      default:
        return 3;
    }
  };
  return before == after || rank(before) < rank(after);
}

}  // namespace

std::string EngineConformanceTest::new_id() { return new_ulid(system_clock().unix_now()); }

model::Instance EngineConformanceTest::wait_for(const std::string& id, model::InstancePhase phase) {
  const Instant end = system_clock().now() + kPatience;
  std::int64_t position = 0;
  model::Instance last;
  while (system_clock().now() < end) {
    const auto next = engine().wait_for_change(position, Millis(1'000), {});
    EXPECT_TRUE(next) << next.error().message;
    if (!next) return last;
    position = *next;
    const auto seen = engine().inspect(id);
    EXPECT_TRUE(seen) << seen.error().message;
    if (!seen) return last;
    EXPECT_TRUE(may_follow(last.phase, seen->phase))
        << to_string(last.phase) << " became " << to_string(seen->phase);
    last = *seen;
    if (last.phase == phase) return last;
  }
  ADD_FAILURE() << id << " stayed " << to_string(last.phase) << ", wanted " << to_string(phase);
  return last;
}

model::Instance EngineConformanceTest::start_ready(const InstanceSpec& spec) {
  const auto started = engine().ensure(spec);
  EXPECT_TRUE(started) << started.error().message;
  return wait_for(spec.id, model::InstancePhase::Ready);
}

TEST_P(EngineConformanceTest, TellsWhatAnInstanceUsesWhileItRuns) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);

  const auto usage = engine().usage(spec.id);

  ASSERT_TRUE(usage) << usage.error().message;
  EXPECT_GT(usage->threads, 0);
  EXPECT_GT(usage->memory_bytes, 0);
  EXPECT_GE(usage->cpu_seconds, 0);
  ASSERT_TRUE(engine().stop(spec.id, kGrace));
  wait_for(spec.id, model::InstancePhase::Stopped);
  EXPECT_EQ(engine().usage(spec.id).error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(engine().usage(new_id()).error().code, ErrorCode::NotFound);
}

TEST_P(EngineConformanceTest, ForgetsAnAppWhoseInstancesAreRemovedAndAnUnknownOne) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);
  ASSERT_TRUE(engine().stop(spec.id, kGrace));
  wait_for(spec.id, model::InstancePhase::Stopped);
  ASSERT_TRUE(engine().remove(spec.id));

  for (const std::string& app : {spec.app_id, std::string("unknown-app")}) {
    const Instant end = system_clock().now() + kPatience;
    auto is_forgotten = engine().forget_app(app);
    while (is_forgotten && !*is_forgotten && system_clock().now() < end)
      is_forgotten = engine().forget_app(app);
    ASSERT_TRUE(is_forgotten) << is_forgotten.error().message;
    EXPECT_TRUE(*is_forgotten) << app;
  }
  // It may come back.
  const InstanceSpec again = under_test_->good_spec(new_id());
  start_ready(again);
}

TEST_P(EngineConformanceTest, StartsAnInstanceThatBecomesReady) {
  const InstanceSpec spec = under_test_->good_spec(new_id());

  const auto started = engine().ensure(spec);

  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(started->id, spec.id);
  EXPECT_EQ(started->app_id, spec.app_id);
  EXPECT_EQ(started->revision, spec.revision);
  EXPECT_TRUE(started->phase == model::InstancePhase::Starting ||
              started->phase == model::InstancePhase::Ready);
  const auto ready = wait_for(spec.id, model::InstancePhase::Ready);
  EXPECT_THAT(ready.address, Not(IsEmpty()));
  EXPECT_GT(ready.started_at, 0);
}

TEST_P(EngineConformanceTest, TakesTheSameSpecAgainWithoutEffect) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  const auto first = start_ready(spec);

  const auto again = engine().ensure(spec);

  ASSERT_TRUE(again);
  EXPECT_EQ(again->pid, first.pid);
  EXPECT_EQ(again->started_at, first.started_at);
  EXPECT_THAT(*engine().list(), SizeIs(1));
}

TEST_P(EngineConformanceTest, RefusesAnotherSpecUnderTheSameId) {
  InstanceSpec spec = under_test_->good_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  spec.revision += 1;

  EXPECT_EQ(engine().ensure(spec).error().code, ErrorCode::AlreadyExists);
}

TEST_P(EngineConformanceTest, ReportsAFailedBootWithItsCause) {
  const InstanceSpec spec = under_test_->failing_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));

  const auto failed = wait_for(spec.id, model::InstancePhase::Failed);

  ASSERT_TRUE(failed.boot_report);
  ASSERT_TRUE(failed.boot_report->failure);
  EXPECT_FALSE(failed.boot_report->ready);
  EXPECT_THAT(failed.boot_report->failure->message, Not(IsEmpty()));
}

TEST_P(EngineConformanceTest, StopsAnInstanceAndForgetsItWhenTold) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);

  ASSERT_TRUE(engine().stop(spec.id, kGrace));
  ASSERT_TRUE(engine().stop(spec.id, kGrace)) << "a second stop is fine";
  wait_for(spec.id, model::InstancePhase::Stopped);
  EXPECT_THAT(*engine().list(), SizeIs(1)) << "ended ones are listed until they are removed";
  ASSERT_TRUE(engine().remove(spec.id));

  EXPECT_THAT(*engine().list(), IsEmpty());
  EXPECT_EQ(engine().inspect(spec.id).error().code, ErrorCode::NotFound);
}

TEST_P(EngineConformanceTest, SeesAnInstanceThatWasKilled) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);

  under_test_->kill(spec.id);

  const auto ended = wait_for(spec.id, model::InstancePhase::Failed);
  EXPECT_EQ(ended.exit_signal, SIGKILL);
  EXPECT_EQ(ended.exit_code, 128 + SIGKILL);
}

TEST_P(EngineConformanceTest, RefusesToRemoveARunningInstance) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);

  EXPECT_EQ(engine().remove(spec.id).error().code, ErrorCode::FailedPrecondition);
}

TEST_P(EngineConformanceTest, TakesUnknownIdsForDone) {
  const std::string id = new_id();

  EXPECT_TRUE(engine().stop(id, kGrace));
  EXPECT_TRUE(engine().remove(id));
  EXPECT_EQ(engine().inspect(id).error().code, ErrorCode::NotFound);
  EXPECT_EQ(engine().read_log(id, {}).error().code, ErrorCode::NotFound);
}

TEST_P(EngineConformanceTest, LeavesAnEndedInstanceAloneWhenEnsuredOrStoppedAgain) {
  const InstanceSpec spec = under_test_->failing_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  const auto failed = wait_for(spec.id, model::InstancePhase::Failed);

  const auto ensured = engine().ensure(spec);
  ASSERT_TRUE(ensured) << ensured.error().message;
  ASSERT_TRUE(engine().stop(spec.id, kGrace));

  EXPECT_EQ(ensured->phase, model::InstancePhase::Failed);
  const auto after = engine().inspect(spec.id);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->phase, model::InstancePhase::Failed);
  EXPECT_EQ(after->exit_code, failed.exit_code);
  EXPECT_EQ(after->changed_at, failed.changed_at);
}

TEST_P(EngineConformanceTest, EndsAnInstanceByForceThatDoesNotEndInItsGrace) {
  const InstanceSpec spec = under_test_->hung_spec(new_id());
  start_ready(spec);

  ASSERT_TRUE(engine().stop(spec.id, Millis(3'600'000)));
  EXPECT_EQ(engine().inspect(spec.id)->phase, model::InstancePhase::Draining);
  EXPECT_EQ(engine().remove(spec.id).error().code, ErrorCode::FailedPrecondition);
  ASSERT_TRUE(engine().stop(spec.id, Millis(0))) << "the nearer end counts";

  const auto stopped = wait_for(spec.id, model::InstancePhase::Stopped);
  EXPECT_EQ(stopped.exit_signal, SIGKILL);
}

TEST_P(EngineConformanceTest, StopsAnInstanceThatIsStillStarting) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));

  ASSERT_TRUE(engine().stop(spec.id, kGrace));

  wait_for(spec.id, model::InstancePhase::Stopped);
}

TEST_P(EngineConformanceTest, ForgetsAFailedInstanceAndTakesASecondRemovalForDone) {
  const InstanceSpec spec = under_test_->failing_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, model::InstancePhase::Failed);

  ASSERT_TRUE(engine().remove(spec.id));
  ASSERT_TRUE(engine().remove(spec.id));

  EXPECT_EQ(engine().inspect(spec.id).error().code, ErrorCode::NotFound);
}

TEST_P(EngineConformanceTest, StartsAForgottenInstanceAnew) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);
  ASSERT_TRUE(engine().stop(spec.id, kGrace));
  wait_for(spec.id, model::InstancePhase::Stopped);
  ASSERT_TRUE(engine().remove(spec.id));

  const auto again = start_ready(spec);

  EXPECT_EQ(again.exit_signal, 0);
  EXPECT_THAT(*engine().list(), SizeIs(1));
}

TEST_P(EngineConformanceTest, ListsWhatItInspects) {
  const InstanceSpec good = under_test_->good_spec(new_id());
  const InstanceSpec bad = under_test_->failing_spec(new_id());
  start_ready(good);
  ASSERT_TRUE(engine().ensure(bad));
  wait_for(bad.id, model::InstancePhase::Failed);

  const auto listed = engine().list();

  ASSERT_TRUE(listed);
  ASSERT_THAT(*listed, SizeIs(2));
  for (const model::Instance& instance : *listed) {
    const auto inspected = engine().inspect(instance.id);
    ASSERT_TRUE(inspected);
    EXPECT_EQ(inspected->phase, instance.phase);
    EXPECT_EQ(inspected->app_id, instance.app_id);
    EXPECT_EQ(inspected->address, instance.address);
    EXPECT_EQ(inspected->boot_report.has_value(), instance.boot_report.has_value());
  }
}

TEST_P(EngineConformanceTest, HasOneInstanceWhenTheReplyWasLost) {
  const InstanceSpec spec = under_test_->good_spec(new_id());

  const auto lost = under_test_->ensure_without_reply(spec);

  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(lost.error().retry, Retry::Later);
  const auto listed = engine().list();
  ASSERT_TRUE(listed);
  ASSERT_THAT(*listed, SizeIs(1));
  EXPECT_EQ(listed->front().id, spec.id);
  wait_for(spec.id, model::InstancePhase::Ready);
}

TEST_P(EngineConformanceTest, SaysWhatItCanDoAndWhyItCannot) {
  const Capabilities can = engine().capabilities();

  EXPECT_THAT(can.name, Not(IsEmpty()));
  const bool can_all = can.own_users && can.memory_limits && can.cpu_limits;
  EXPECT_TRUE(can_all || !can.notes.empty());
}

}  // namespace pixell::engine
