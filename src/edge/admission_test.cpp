#include "edge/admission.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace pixell::edge {
namespace {

using std::chrono::nanoseconds;

constexpr Instant kStart{std::chrono::hours(1)};

Instant at(Millis since_start) { return kStart + since_start; }

// How many of `tries` requests at one instant are let in; their slots end at once.
int entered(AppAdmission& admission, int tries, Instant now) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += admission.enter(now).has_value() ? 1 : 0;
  return count;
}

TEST(AppAdmission, LetsEverythingInWithoutLimits) {
  AppAdmission admission;
  std::vector<AppAdmission::Slot> slots;
  for (int i = 0; i < 1000; ++i) slots.push_back(*admission.enter(kStart));

  EXPECT_EQ(admission.under_way(), 0);
}

TEST(AppAdmission, KeepsConcurrencyAtItsLimit) {
  AppAdmission admission;
  admission.set_limits({.max_concurrent = 2}, kStart);
  auto first = admission.enter(kStart);
  auto second = admission.enter(kStart);
  ASSERT_TRUE(first && second);

  const auto third = admission.enter(kStart);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().limit, Refusal::Limit::Concurrency);
  EXPECT_EQ(third.error().allowed, 2);
  EXPECT_EQ(admission.refused_by_concurrency(), 1);

  *first = AppAdmission::Slot();
  EXPECT_TRUE(admission.enter(kStart));
}

TEST(AppAdmission, SpacesRequestsAtTheRate) {
  AppAdmission admission;
  admission.set_limits({.requests_per_second = 10, .burst = 1}, kStart);
  EXPECT_EQ(entered(admission, 5, kStart), 1);

  const auto early = admission.enter(at(Millis(60)));
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().limit, Refusal::Limit::Rate);
  EXPECT_EQ(early.error().allowed, 10);
  EXPECT_EQ(early.error().wait, Millis(40));
  EXPECT_TRUE(admission.enter(at(Millis(100))));
  EXPECT_EQ(admission.refused_by_rate(), 5);
}

TEST(AppAdmission, TakesTheBurstAtOnceAndThenTheRate) {
  AppAdmission admission;
  admission.set_limits({.requests_per_second = 10, .burst = 4}, kStart);

  EXPECT_EQ(entered(admission, 9, kStart), 4);
  EXPECT_EQ(entered(admission, 9, at(Millis(200))), 2);
  EXPECT_EQ(entered(admission, 9, at(Millis(10'000))), 4);
}

TEST(AppAdmission, HasTheRateAsBurstWhenNoneIsGiven) {
  AppAdmission admission;
  admission.set_limits({.requests_per_second = 50}, kStart);

  EXPECT_EQ(entered(admission, 200, kStart), 50);
}

TEST(AppAdmission, NeverPassesMoreThanTheRate) {
  AppAdmission admission;
  admission.set_limits({.requests_per_second = 3, .burst = 1}, kStart);
  int count = 0;
  for (int ms = 0; ms < 10'000; ++ms) count += entered(admission, 2, at(Millis(ms)));

  EXPECT_EQ(count, 30);
}

TEST(AppAdmission, KeepsWhatWasUsedWhenTheRateChanges) {
  AppAdmission admission;
  admission.set_limits({.requests_per_second = 1, .burst = 60}, kStart);
  EXPECT_EQ(entered(admission, 60, kStart), 60);

  admission.set_limits({.requests_per_second = 1000, .burst = 100}, kStart);
  EXPECT_EQ(entered(admission, 500, kStart), 40);
  EXPECT_EQ(entered(admission, 500, at(Millis(10))), 10);
}

TEST(AppAdmission, CountsExchangesOverAChangeOfLimits) {
  AppAdmission admission;
  admission.set_limits({.max_concurrent = 5}, kStart);
  std::vector<AppAdmission::Slot> slots;
  for (int i = 0; i < 5; ++i) slots.push_back(*admission.enter(kStart));

  admission.set_limits({.max_concurrent = 3}, kStart);
  EXPECT_FALSE(admission.enter(kStart));
  slots.resize(2);
  EXPECT_TRUE(admission.enter(kStart));
  admission.set_limits({}, kStart);
  EXPECT_EQ(admission.under_way(), 2);
  EXPECT_EQ(entered(admission, 100, kStart), 100);
}

TEST(AppAdmission, GivesThePlaceBackWhenTheRateRefuses) {
  AppAdmission admission;
  admission.set_limits({.max_concurrent = 2, .requests_per_second = 1, .burst = 1}, kStart);
  EXPECT_EQ(entered(admission, 9, kStart), 1);

  EXPECT_EQ(admission.under_way(), 0);
}

TEST(AppAdmission, HoldsBothLimitsFromManyThreads) {
  AppAdmission admission;
  admission.set_limits({.max_concurrent = 3, .requests_per_second = 1000, .burst = 500}, kStart);
  std::atomic<int> in{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const auto slot = admission.enter(kStart);
        if (!slot) continue;
        in.fetch_add(1);
        int seen = most.load();
        const auto now = static_cast<int>(admission.under_way());
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
      }
    });
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(in.load(), 500);
  EXPECT_LE(most.load(), 3);
  EXPECT_EQ(admission.under_way(), 0);
}

TEST(RefusalReply, NamesAppLimitAndRemedy) {
  const ErrorReply rate =
      refusal_reply({.limit = Refusal::Limit::Rate, .allowed = 10, .wait = Millis(1'200)}, "hello");
  EXPECT_EQ(rate.status, 429);
  EXPECT_EQ(rate.code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(rate.more.get("retry-after"), "2");
  EXPECT_NE(rate.detail.find("'hello' takes 10 requests per second"), std::string::npos);
  EXPECT_NE(rate.detail.find("in 1200 ms"), std::string::npos);
  EXPECT_NE(rate.detail.find("PUT /v1/apps/hello/routing"), std::string::npos);

  const ErrorReply slots = refusal_reply({.allowed = 7}, "hello");
  EXPECT_NE(slots.detail.find("7 requests at once (limits.max_concurrent)"), std::string::npos);
  EXPECT_EQ(slots.more.get("retry-after"), "1");
}

}  // namespace
}  // namespace pixell::edge
