#include "engine/testing/conformance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

std::string new_id() { return new_ulid(system_clock().unix_now()); }

}  // namespace

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
    last = *seen;
    if (last.phase == phase) return last;
  }
  ADD_FAILURE() << id << " stayed " << to_string(last.phase) << ", wanted " << to_string(phase);
  return last;
}

TEST_P(EngineConformanceTest, StartsAnInstanceThatBecomesReady) {
  const InstanceSpec spec = under_test_->good_spec(new_id());

  const auto started = engine().ensure(spec);

  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(started->id, spec.id);
  EXPECT_EQ(started->app_id, spec.app_id);
  EXPECT_EQ(started->revision, spec.revision);
  const auto ready = wait_for(spec.id, model::InstancePhase::Ready);
  EXPECT_THAT(ready.address, Not(IsEmpty()));
  EXPECT_GT(ready.started_at, 0);
}

TEST_P(EngineConformanceTest, TakesTheSameSpecAgainWithoutEffect) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  const auto first = wait_for(spec.id, model::InstancePhase::Ready);

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
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, model::InstancePhase::Ready);

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
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, model::InstancePhase::Ready);

  under_test_->kill(spec.id);

  const auto ended = wait_for(spec.id, model::InstancePhase::Failed);
  EXPECT_NE(ended.exit_signal, 0);
}

TEST_P(EngineConformanceTest, RefusesToRemoveARunningInstance) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, model::InstancePhase::Ready);

  EXPECT_EQ(engine().remove(spec.id).error().code, ErrorCode::FailedPrecondition);
}

TEST_P(EngineConformanceTest, TakesUnknownIdsForDone) {
  const std::string id = new_id();

  EXPECT_TRUE(engine().stop(id, kGrace));
  EXPECT_TRUE(engine().remove(id));
  EXPECT_EQ(engine().inspect(id).error().code, ErrorCode::NotFound);
  EXPECT_EQ(engine().read_log(id, {}).error().code, ErrorCode::NotFound);
}

TEST_P(EngineConformanceTest, KeepsLogsWithinTheLimit) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, model::InstancePhase::Ready);

  const auto logs = engine().read_log(spec.id, {.max_bytes = 10});

  ASSERT_TRUE(logs) << logs.error().message;
  EXPECT_LE(logs->text.size(), 10u);
}

TEST_P(EngineConformanceTest, StopsWaitingWhenAsked) {
  const auto now = engine().wait_for_change(0, Millis(1'000), {});
  ASSERT_TRUE(now);
  std::stop_source source;
  source.request_stop();

  const auto position = engine().wait_for_change(*now, Millis(60'000), source.get_token());

  EXPECT_TRUE(position.has_value() || position.error().code == ErrorCode::Cancelled);
}

TEST_P(EngineConformanceTest, SaysWhatItCanDo) {
  EXPECT_THAT(engine().capabilities().name, Not(IsEmpty()));
}

}  // namespace pixell::engine
