#include "aws/rate_limiter.hpp"

#include <gtest/gtest.h>

#include "aws/limits.hpp"
#include "aws/testing/fake_outside.hpp"

namespace pixell::aws {
namespace {

struct RateLimiterTest : testing::Test {
  Result<void> acquire(Lane lane = Lane::Deploy, Millis patience = Millis(10'000)) {
    return limiter.acquire(key, lane, patience, world.outside(), {});
  }
  RateLimiter::Place enter(Lane lane) { return *limiter.enter(key, lane); }

  FakeOutside world;
  RateLimiter limiter{world.clock, [](const BucketKey&) { return BucketRate{2, 4}; }};
  const BucketKey key{"1", "us-east-2", "ecs", "write"};
};

TEST_F(RateLimiterTest, AllowsABurstAndThenTheRate) {
  ASSERT_TRUE(acquire() && acquire());
  EXPECT_TRUE(world.pauses.empty());

  ASSERT_TRUE(acquire());

  EXPECT_EQ(world.pauses, (std::vector{Millis(250)}));
}

TEST_F(RateLimiterTest, KeepsAccountsRegionsServicesAndClassesApart) {
  ASSERT_TRUE(acquire() && acquire());
  for (const BucketKey& other :
       {BucketKey{"2", "us-east-2", "ecs", "write"}, BucketKey{"1", "us-east-1", "ecs", "write"},
        BucketKey{"1", "us-east-2", "elbv2", "write"}, BucketKey{"1", "us-east-2", "ecs", "read"}})
    ASSERT_TRUE(limiter.acquire(other, Lane::Deploy, Millis(1), world.outside(), {}));
  EXPECT_TRUE(world.pauses.empty());
}

TEST_F(RateLimiterTest, ServesLanesInOrderAndEachLaneFirstComeFirstServed) {
  ASSERT_TRUE(acquire() && acquire());
  const auto collect = enter(Lane::Collect);
  const auto reconcile = enter(Lane::Reconcile);
  const auto first = enter(Lane::Deploy);
  const auto second = enter(Lane::Deploy);

  world.clock.advance(Millis(250));
  EXPECT_GT(limiter.poll(collect), Millis(0));
  EXPECT_GT(limiter.poll(reconcile), Millis(0));
  EXPECT_GT(limiter.poll(second), Millis(0));
  EXPECT_EQ(limiter.poll(first), Millis(0));
  world.clock.advance(Millis(250));
  EXPECT_GT(limiter.poll(reconcile), Millis(0));
  EXPECT_EQ(limiter.poll(second), Millis(0));
  limiter.leave(reconcile);
  world.clock.advance(Millis(250));
  EXPECT_EQ(limiter.poll(collect), Millis(0));
}

TEST_F(RateLimiterTest, RefusesAtOnceWhatWouldComeAfterTheDeadline) {
  ASSERT_TRUE(acquire() && acquire());

  const auto late = acquire(Lane::Deploy, Millis(200));

  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::DeadlineExceeded);
  EXPECT_TRUE(world.pauses.empty());
}

TEST_F(RateLimiterTest, EndsWaitingWhenStopped) {
  ASSERT_TRUE(acquire() && acquire());
  std::stop_source stop;
  stop.request_stop();

  const auto stopped =
      limiter.acquire(key, Lane::Deploy, Millis(10'000), world.outside(), stop.get_token());

  EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
}

TEST_F(RateLimiterTest, HalvesOncePerExcessAndRecoversWithSuccesses) {
  limiter.throttled(key);
  limiter.throttled(key);
  EXPECT_DOUBLE_EQ(limiter.rate(key), 2);
  world.clock.advance(kThrottledHold);
  limiter.throttled(key);
  EXPECT_DOUBLE_EQ(limiter.rate(key), 1);

  for (int each = 0; each < 100; ++each) limiter.succeeded(key);

  EXPECT_DOUBLE_EQ(limiter.rate(key), 4);
}

TEST_F(RateLimiterTest, NeverStopsAltogether) {
  for (int each = 0; each < 50; ++each) {
    limiter.throttled(key);
    world.clock.advance(kThrottledHold);
  }
  EXPECT_DOUBLE_EQ(limiter.rate(key), 4 * kLeastShare);
}

TEST_F(RateLimiterTest, BoundsWhoWaits) {
  for (std::size_t each = 0; each < kMaxWaiting; ++each) enter(Lane::Collect);

  const auto more = limiter.enter(key, Lane::Deploy);

  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::ResourceExhausted);
}

TEST(PublishedRate, IsOneTaskDefinitionASecond) {
  const BucketRate rate = published_rate({"", "us-east-2", "ecs", "register"});
  EXPECT_EQ(rate.burst, 20);
  EXPECT_EQ(rate.per_second, 1);
}

}  // namespace
}  // namespace pixell::aws
