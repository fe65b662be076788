#include "edge/overload.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/testing/fake_clock.hpp"
#include "net/event_loop.hpp"

namespace pixell::edge {
namespace {

// Feeds lags to a controller, one each 20 ms.
class LagControllerTest : public ::testing::Test {
 protected:
  void feed(Millis lag, Millis duration) {
    for (const Instant end = now_ + duration; now_ < end; now_ += Millis(20))
      controller_.sample(lag, now_);
  }
  int shed_of(int requests) {
    int shed = 0;
    for (int i = 0; i < requests; ++i) shed += controller_.sheds_next() ? 1 : 0;
    return shed;
  }

  Instant now_{std::chrono::hours(1)};
  LagController controller_{Millis(100)};
};

TEST_F(LagControllerTest, ShedsNothingWhileEventsAreTakenInTime) {
  feed(Millis(99), Millis(60'000));

  EXPECT_EQ(controller_.shed_permille(), 0);
  EXPECT_EQ(shed_of(1000), 0);
}

TEST_F(LagControllerTest, ShedsAfterAWholeIntervalOverTheTarget) {
  feed(Millis(150), Millis(980));
  EXPECT_EQ(controller_.shed_permille(), 0);
  feed(Millis(150), Millis(60));

  EXPECT_EQ(controller_.shed_permille(), kShedStepUp);
  EXPECT_EQ(shed_of(1000), kShedStepUp);
}

TEST_F(LagControllerTest, IgnoresLagsThatDoNotStay) {
  for (int second = 0; second < 30; ++second) {
    feed(Millis(5'000), Millis(940));
    feed(Millis(1), Millis(20));
  }

  EXPECT_EQ(controller_.shed_permille(), 0);
}

TEST_F(LagControllerTest, IgnoresOneLongPause) {
  controller_.sample(Millis(1), now_);
  now_ += Millis(30'000);  // the machine slept, or the process was stopped
  controller_.sample(Millis(30'000), now_);
  feed(Millis(1), Millis(1'000));

  EXPECT_EQ(controller_.shed_permille(), 0);
}

TEST_F(LagControllerTest, NeedsSeveralMeasurements) {
  for (int i = 0; i < kOverloadSamples - 1; ++i) {
    controller_.sample(Millis(5'000), now_);
    now_ += Millis(5'000);
  }
  EXPECT_EQ(controller_.shed_permille(), 0);
  controller_.sample(Millis(5'000), now_);

  EXPECT_EQ(controller_.shed_permille(), kShedStepUp);
}

TEST_F(LagControllerTest, ShedsMoreWhileItDoesNotHelpButNeverAll) {
  feed(Millis(150), Millis(10'000));

  EXPECT_EQ(controller_.shed_permille(), kMaxShedPermille);
  EXPECT_EQ(shed_of(1000), kMaxShedPermille);
}

TEST_F(LagControllerTest, HoldsItsShareBetweenHalfTheTargetAndTheTarget) {
  feed(Millis(150), Millis(1'500));
  const int share = controller_.shed_permille();
  ASSERT_GT(share, 0);
  feed(Millis(70), Millis(10'000));

  EXPECT_EQ(controller_.shed_permille(), share);
}

TEST_F(LagControllerTest, TakesAllAgainStepByStep) {
  feed(Millis(150), Millis(1'500));
  const int share = controller_.shed_permille();
  feed(Millis(10), Millis(300));
  EXPECT_LT(controller_.shed_permille(), share);
  EXPECT_GT(controller_.shed_permille(), 0);
  feed(Millis(10), Millis(3'000));

  EXPECT_EQ(controller_.shed_permille(), 0);
  EXPECT_EQ(shed_of(1000), 0);
}

TEST_F(LagControllerTest, BeginsAnewAfterAQuietTime) {
  feed(Millis(150), Millis(3'000));
  ASSERT_GT(controller_.shed_permille(), 0);
  now_ += Millis(5'000);
  controller_.sample(Millis(1), now_);

  EXPECT_EQ(controller_.shed_permille(), 0);
}

class OverloadTest : public ::testing::Test {
 protected:
  void start(OverloadOptions options) {
    overload_ = std::move(*Overload::create(*loop_, options, Log(2, LogLevel::Error)));
  }
  // One turn in which a request comes, and after which the loop is busy for that long.
  bool is_shed_in_turn(Millis busy) {
    bool is_shed = false;
    loop_->post([&] {
      is_shed = !overload_->enter(clock_.now());
      clock_.advance(busy);
      // A turn later, so that what waits was told.
      loop_->post([this] { loop_->stop(); });
    });
    loop_->run();
    return is_shed;
  }

  FakeClock clock_;
  std::unique_ptr<net::EventLoop> loop_ = std::move(*net::EventLoop::create(clock_));
  std::unique_ptr<Overload> overload_;
};

TEST_F(OverloadTest, BoundsTheExchangesUnderWay) {
  start({.max_exchanges = 2});
  auto first = overload_->enter(clock_.now());
  auto second = overload_->enter(clock_.now());
  ASSERT_TRUE(first && second);
  const auto third = overload_->enter(clock_.now());

  ASSERT_FALSE(third);
  EXPECT_EQ(third.error(), Overload::Reason::Exchanges);
  EXPECT_EQ(overload_->shed_by_exchanges(), 1);
  const ErrorReply reply = overload_->shed_reply(third.error());
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.code, ErrorCode::Unavailable);
  EXPECT_EQ(reply.more.get("retry-after"), "1");
  EXPECT_NE(reply.detail.find("2 exchanges"), std::string::npos);
  *first = Overload::Slot();
  EXPECT_EQ(overload_->under_way(), 1);
  EXPECT_TRUE(overload_->enter(clock_.now()));
}

TEST_F(OverloadTest, ShedsWhenItsLoopStaysBehindAndStopsWhenItIsNot) {
  start({});
  int shed = 0;
  for (int turn = 0; turn < 40; ++turn) shed += is_shed_in_turn(Millis(150)) ? 1 : 0;
  EXPECT_GT(shed, 0);
  EXPECT_EQ(overload_->shed_by_lag(), shed);
  EXPECT_GT(overload_->shed_permille(), 0);

  for (int turn = 0; turn < 400; ++turn) is_shed_in_turn(Millis(10));
  EXPECT_EQ(overload_->shed_permille(), 0);
  EXPECT_FALSE(is_shed_in_turn(Millis(10)));
}

TEST_F(OverloadTest, DoesNotMeasureWithoutATarget) {
  start({.lag_target = Millis(0)});
  for (int turn = 0; turn < 40; ++turn) EXPECT_FALSE(is_shed_in_turn(Millis(500)));
}

}  // namespace
}  // namespace pixell::edge
