#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>
#include <vector>

#include "engine/testing/conformance.hpp"

// What every engine must do for those who watch and read, and for many callers at once.
namespace pixell::engine {

using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

namespace {

constexpr Millis kGrace{2'000};
constexpr Millis kLong{60'000};
constexpr int kThreads = 16;

// Runs a call on each of kThreads threads, all at once.
void at_once(const std::function<void(int thread)>& call) {
  std::latch start(kThreads);
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&start, &call, i] {
      start.arrive_and_wait();
      call(i);
    });
}

}  // namespace

TEST_P(EngineConformanceTest, ReadsALogFromItsFirstByteToItsEnd) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);

  const auto whole = engine().read_log(spec.id, {.from = 0});

  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_THAT(whole->text, EndsWith("\n"));
  EXPECT_EQ(whole->from, 0);
  EXPECT_EQ(whole->next, std::int64_t(whole->text.size()));
  const auto rest = engine().read_log(spec.id, {.from = 5});
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->text, whole->text.substr(5));
  EXPECT_EQ(rest->from, 5);
  EXPECT_EQ(rest->next, whole->next);
}

TEST_P(EngineConformanceTest, ReadsALogPieceByPiece) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);
  const auto whole = engine().read_log(spec.id, {.from = 0});
  ASSERT_TRUE(whole);

  std::string pieces;
  while (pieces.size() < whole->text.size()) {
    const auto piece =
        engine().read_log(spec.id, {.from = std::int64_t(pieces.size()), .max_bytes = 3});
    ASSERT_TRUE(piece);
    ASSERT_THAT(piece->text, Not(IsEmpty()));
    ASSERT_LE(piece->text.size(), 3u);
    pieces += piece->text;
  }

  EXPECT_EQ(pieces, whole->text);
}

TEST_P(EngineConformanceTest, ReadsTheEndOfALog) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);
  const auto whole = engine().read_log(spec.id, {.from = 0});
  ASSERT_TRUE(whole);

  const auto tail = engine().read_log(spec.id, {});
  const auto short_tail = engine().read_log(spec.id, {.max_bytes = 4});
  const auto nothing = engine().read_log(spec.id, {.max_bytes = 0});

  ASSERT_TRUE(tail && short_tail && nothing);
  EXPECT_EQ(tail->text, whole->text);
  EXPECT_EQ(short_tail->text, whole->text.substr(whole->text.size() - 4));
  EXPECT_EQ(short_tail->from, whole->next - 4);
  EXPECT_EQ(nothing->text, "");
  EXPECT_EQ(nothing->next, whole->next);
}

TEST_P(EngineConformanceTest, TellsAFollowerWhereToGoOn) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);
  const auto whole = engine().read_log(spec.id, {.from = 0});
  ASSERT_TRUE(whole);

  for (const std::int64_t position : {whole->next, whole->next + 1'000'000}) {
    const auto more = engine().read_log(spec.id, {.from = position});
    ASSERT_TRUE(more);
    EXPECT_EQ(more->text, "");
    EXPECT_EQ(more->from, whole->next);
    EXPECT_EQ(more->next, whole->next);
  }
}

TEST_P(EngineConformanceTest, KeepsTheLogOfAnEndedInstanceUntilItIsRemoved) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  start_ready(spec);
  const auto before = engine().read_log(spec.id, {.from = 0});
  ASSERT_TRUE(engine().stop(spec.id, kGrace));
  wait_for(spec.id, model::InstancePhase::Stopped);

  const auto after = engine().read_log(spec.id, {.from = 0});
  ASSERT_TRUE(before && after);
  EXPECT_THAT(after->text, ::testing::StartsWith(before->text));
  ASSERT_TRUE(engine().remove(spec.id));

  EXPECT_EQ(engine().read_log(spec.id, {}).error().code, ErrorCode::NotFound);
}

TEST_P(EngineConformanceTest, ReturnsAtOnceForAPositionThatIsBehind) {
  const auto first = engine().wait_for_change(0, kLong, {});
  ASSERT_TRUE(first);
  ASSERT_TRUE(engine().ensure(under_test_->good_spec(new_id())));

  const auto second = engine().wait_for_change(*first, kLong, {});

  ASSERT_TRUE(second);
  EXPECT_GT(*second, *first);
}

TEST_P(EngineConformanceTest, WakesAWaitingCallerForAChange) {
  const InstanceSpec spec = under_test_->good_spec(new_id());
  const auto now = engine().wait_for_change(0, kLong, {});
  ASSERT_TRUE(now);

  Result<std::int64_t> next = 0;
  {
    std::jthread waiting([&] { next = engine().wait_for_change(*now, kLong, {}); });
    ASSERT_TRUE(engine().ensure(spec));
  }

  ASSERT_TRUE(next);
  EXPECT_GT(*next, *now);
}

TEST_P(EngineConformanceTest, WakesAWaitingCallerForARemoval) {
  const InstanceSpec spec = under_test_->failing_spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, model::InstancePhase::Failed);
  const auto now = engine().wait_for_change(0, kLong, {});
  ASSERT_TRUE(now);
  const Instant begin = system_clock().now();

  Result<std::int64_t> next = 0;
  {
    std::jthread waiting([&] { next = engine().wait_for_change(*now, kLong, {}); });
    ASSERT_TRUE(engine().remove(spec.id));
  }

  ASSERT_TRUE(next);
  EXPECT_GT(*next, *now);
  EXPECT_LT(system_clock().now() - begin, kLong) << "it was the deadline that ended the wait";
}

TEST_P(EngineConformanceTest, ReturnsTheSamePositionAtItsDeadline) {
  const auto now = engine().wait_for_change(0, kLong, {});
  ASSERT_TRUE(now);

  const auto later = engine().wait_for_change(*now, Millis(30), {});

  ASSERT_TRUE(later) << later.error().message;
  EXPECT_EQ(*later, *now);
}

TEST_P(EngineConformanceTest, StopsWaitingWhenAsked) {
  const auto now = engine().wait_for_change(0, kLong, {});
  ASSERT_TRUE(now);
  std::stop_source early;
  early.request_stop();
  std::stop_source late;

  const auto first = engine().wait_for_change(*now, kLong, early.get_token());
  Result<std::int64_t> second = 0;
  {
    std::jthread waiting([&] { second = engine().wait_for_change(*now, kLong, late.get_token()); });
    late.request_stop();
  }

  for (const auto& position : {first, second})
    EXPECT_TRUE(position ? *position == *now : position.error().code == ErrorCode::Cancelled);
}

TEST_P(EngineConformanceTest, StartsOneInstanceForManyCallersWithOneSpec) {
  const InstanceSpec spec = under_test_->good_spec(new_id());

  std::vector<Result<model::Instance>> seen(kThreads, model::Instance());
  at_once([&](int thread) { seen[std::size_t(thread)] = engine().ensure(spec); });

  wait_for(spec.id, model::InstancePhase::Ready);
  EXPECT_THAT(*engine().list(), SizeIs(1));
  for (const auto& instance : seen) {
    ASSERT_TRUE(instance) << instance.error().message;
    EXPECT_EQ(instance->started_at, seen.front()->started_at);
  }
}

TEST_P(EngineConformanceTest, ServesManyCallersAtOnce) {
  std::vector<std::string> ids;
  for (int i = 0; i < kThreads; ++i) ids.push_back(new_id());

  std::vector<Result<void>> done(kThreads);
  at_once([&](int thread) {
    const std::string& id = ids[std::size_t(thread)];
    done[std::size_t(thread)] = [&]() -> Result<void> {
      TRY(const model::Instance started, engine().ensure(under_test_->good_spec(id)));
      TRY(const std::vector<model::Instance> all, engine().list());
      if (started.id != id || all.empty() || all.size() > std::size_t(kThreads))
        return make_error(ErrorCode::Internal, "another instance, or none is listed");
      TRY_VOID(engine().stop(id, kGrace));
      TRY(const LogPiece log, engine().read_log(id, {}));
      TRY(const model::Instance stopping, engine().inspect(id));
      if (stopping.phase == model::InstancePhase::Ready)
        return make_error(ErrorCode::Internal, "the stop is not seen");
      return {};
    }();
  });

  for (const auto& result : done) EXPECT_TRUE(result) << result.error().message;
  for (const std::string& id : ids) {
    wait_for(id, model::InstancePhase::Stopped);
    EXPECT_TRUE(engine().remove(id));
  }
  EXPECT_THAT(*engine().list(), IsEmpty());
}

}  // namespace pixell::engine
