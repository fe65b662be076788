#include "edge/target.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/testing/fake_clock.hpp"
#include "edge/limits.hpp"
#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

using namespace testing;

class TargetTest : public ::testing::Test {
 protected:
  Instant now() const { return clock_.now(); }
  bool is_usable() const { return target_->is_usable(now()); }
  void fail(TargetFailure failure, int times = 1) {
    for (int i = 0; i < times; ++i) target_->failed(failure, now());
  }
  // How long it stays out, looked at every 100 ms.
  Millis time_out() {
    Millis time{0};
    for (; !is_usable(); time += Millis(100)) clock_.advance(Millis(100));
    return time;
  }

  FakeClock clock_;
  int suspicions_ = 0;
  std::shared_ptr<TargetEvents> events_ = std::make_shared<TargetEvents>();
  std::shared_ptr<TargetState> target_ = [this] {
    events_->on_suspect = [this] { ++suspicions_; };
    return std::make_shared<TargetState>(net::Address{"unix:/a"}, clock_.now(), events_);
  }();
};

TEST_F(TargetTest, CountsAClaimUntilItGoesAndNoLonger) {
  TargetClaim first(*target_, now());
  {
    TargetClaim second(*target_, now());
    EXPECT_EQ(target_->outstanding(), 2);
    TargetClaim moved = std::move(second);
    EXPECT_EQ(target_->outstanding(), 2);
  }
  EXPECT_EQ(target_->outstanding(), 1);

  first.release();
  first.release();

  EXPECT_FALSE(first);
  EXPECT_EQ(target_->outstanding(), 0);
}

TEST_F(TargetTest, GivesBackThePlaceThatAnotherClaimIsMovedOnto) {
  TargetState other({"unix:/b"}, now(), events_);
  TargetClaim claim(*target_, now());

  claim = TargetClaim(other, now());

  EXPECT_EQ(target_->outstanding(), 0);
  EXPECT_EQ(claim.target(), &other);
  EXPECT_EQ(other.outstanding(), 1);
}

TEST_F(TargetTest, LeavesForGrowingTimesWhenItRefuses) {
  std::vector<Millis> times;
  for (int i = 0; i < 32; ++i) {
    fail(TargetFailure::Refused);
    times.push_back(time_out());
  }

  EXPECT_EQ(times[0], kEjectionStep);
  EXPECT_EQ(times[1], kEjectionStep * 2);
  EXPECT_EQ(times[9], kEjectionStep * 10);
  EXPECT_EQ(times[29], kMaxEjection);
  EXPECT_EQ(times[31], kMaxEjection);
  EXPECT_EQ(events_->ejections, 32);
}

TEST_F(TargetTest, LeavesAfterSeveralConnectionsInARowEndedWithoutReply) {
  fail(TargetFailure::Closed, kClosedToEject - 1);
  EXPECT_TRUE(is_usable());
  target_->succeeded();
  fail(TargetFailure::Closed, kClosedToEject - 1);
  EXPECT_TRUE(is_usable());

  fail(TargetFailure::Closed);

  EXPECT_FALSE(is_usable());
  EXPECT_EQ(time_out(), kEjectionStep);
}

TEST_F(TargetTest, IsNotOutLongerBecauseWhatWasUnderWayFailsToo) {
  fail(TargetFailure::Refused, 20);

  EXPECT_EQ(events_->ejections, 1);
  EXPECT_EQ(time_out(), kEjectionStep);
}

TEST_F(TargetTest, ComesBackWithAReplyAndStartsAnew) {
  fail(TargetFailure::Refused);
  time_out();
  fail(TargetFailure::Refused);

  target_->succeeded();
  EXPECT_TRUE(is_usable());

  fail(TargetFailure::Refused);
  EXPECT_EQ(time_out(), kEjectionStep);
}

TEST_F(TargetTest, LeavesBrieflyWheneverItIsNotReady) {
  for (int i = 0; i < 3; ++i) {
    fail(TargetFailure::NotReady);
    EXPECT_EQ(time_out(), kNotReadyEjection);
  }
}

TEST_F(TargetTest, StaysOutWhileProbesFindItNotReady) {
  fail(TargetFailure::NotReady);
  for (int i = 0; i < 10; ++i) {
    clock_.advance(kSuspectProbeInterval);
    EXPECT_FALSE(is_usable());
    target_->probe_found_not_ready(now());
  }
  EXPECT_EQ(events_->ejections, 1);

  target_->probe_succeeded();

  EXPECT_TRUE(is_usable());
}

TEST_F(TargetTest, ThatIsSlowIsOnlySuspected) {
  fail(TargetFailure::Slow, 10);

  EXPECT_TRUE(is_usable());
  EXPECT_EQ(suspicions_, 1) << "until somebody looks";
  EXPECT_TRUE(target_->take_suspicion());
  EXPECT_FALSE(target_->take_suspicion());
  fail(TargetFailure::Slow);
  EXPECT_EQ(suspicions_, 2);
}

TEST_F(TargetTest, IsUnhealthyAfterTwoProbesWithoutAnswerAndUntilOneIsAnswered) {
  target_->probe_missed();
  EXPECT_TRUE(is_usable());
  EXPECT_TRUE(target_->has_missed());
  target_->probe_missed();
  EXPECT_TRUE(target_->is_unhealthy());
  clock_.advance(kMaxEjection);
  EXPECT_FALSE(is_usable());

  target_->probe_succeeded();

  EXPECT_TRUE(is_usable());
  EXPECT_FALSE(target_->has_missed());
}

TEST_F(TargetTest, IsHealthyAgainWhenItReplies) {
  target_->probe_missed();
  target_->probe_missed();

  target_->succeeded();

  EXPECT_TRUE(is_usable());
}

TEST_F(TargetTest, KnowsWhetherItWasUsedLately) {
  EXPECT_FALSE(target_->was_used(now(), kProbeUsedWithin));

  TargetClaim(*target_, now());
  clock_.advance(kProbeUsedWithin);
  EXPECT_TRUE(target_->was_used(now(), kProbeUsedWithin));
  clock_.advance(kUsedResolution);
  EXPECT_FALSE(target_->was_used(now(), kProbeUsedWithin));
}

TEST_F(TargetTest, IsCountedAndEjectedOnceByManyThreads) {
  constexpr int kRounds = 20'000;
  std::vector<std::thread> loops;
  for (int i = 0; i < 4; ++i)
    loops.emplace_back([this] {
      for (int round = 0; round < kRounds; ++round) {
        const TargetClaim claim(*target_, now());
        target_->failed(TargetFailure::Refused, now());
      }
    });
  for (std::thread& loop : loops) loop.join();

  EXPECT_EQ(target_->outstanding(), 0);
  EXPECT_EQ(events_->ejections, 1);
}

class TargetRegistryTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const RouteTable> table(std::vector<model::RouteLeg> legs) {
    return table_with({hello(std::move(legs))});
  }
  // As an edge whose loops all took the table over.
  std::shared_ptr<const TargetSet> use(std::vector<model::RouteLeg> legs) {
    const auto made = table(std::move(legs));
    auto targets = registry_.targets_for(*made);
    registry_.keep_only(*targets);
    return targets;
  }

  FakeClock clock_;
  TargetRegistry registry_{clock_};
};

TEST_F(TargetRegistryTest, HasTheTargetsOfEachLegInOrder) {
  const auto targets =
      use({leg(1, 500, {"unix:/a", "unix:/b"}), leg(2, 500, {}), leg(3, 0, {"unix:/c"}, "next")});

  ASSERT_EQ(targets->of(0).size(), 2u);
  EXPECT_EQ(targets->of(0)[0]->address().text, "unix:/a");
  EXPECT_EQ(targets->of(0)[1]->address().text, "unix:/b");
  EXPECT_TRUE(targets->of(1).empty());
  ASSERT_EQ(targets->of(2).size(), 1u);
  EXPECT_EQ(targets->of(2)[0]->address().text, "unix:/c");
  EXPECT_TRUE(targets->of(3).empty());
  EXPECT_TRUE(TargetSet().of(0).empty());
}

TEST_F(TargetRegistryTest, HasOneStateForAnAddressInSeveralLegs) {
  const auto targets = use({leg(1, 1000, {"unix:/a"}), leg(1, 0, {"unix:/a"}, "stable")});

  EXPECT_EQ(targets->of(0)[0], targets->of(1)[0]);
  EXPECT_EQ(targets->all().size(), 1u);
}

TEST_F(TargetRegistryTest, KeepsWhatItKnowsOfATargetOverTables) {
  const auto before = use({leg(1, 1000, {"unix:/a", "unix:/b"})});
  before->of(0)[0]->failed(TargetFailure::Refused, clock_.now());
  const TargetClaim claim(*before->of(0)[1], clock_.now());

  const auto after = use({leg(1, 500, {"unix:/b", "unix:/a"}), leg(2, 500, {"unix:/c"})});

  EXPECT_TRUE(after->of(0)[1]->is_ejected(clock_.now()));
  EXPECT_EQ(after->of(0)[0]->outstanding(), 1);
  const TargetFigures figures = registry_.figures();
  EXPECT_EQ(figures.targets, 3);
  EXPECT_EQ(figures.outstanding, 1);
  EXPECT_EQ(figures.ejected, 1);
  EXPECT_EQ(figures.ejections, 1);
}

TEST_F(TargetRegistryTest, DropsATargetThatIsNotRoutedOnceItsLastRequestEnded) {
  auto before = use({leg(1, 1000, {"unix:/a"})});
  const std::weak_ptr<TargetState> target = before->all()[0];
  TargetClaim claim(*before->of(0)[0], clock_.now());
  before.reset();

  use({leg(2, 1000, {"unix:/b"})});
  ASSERT_FALSE(target.expired()) << "its request still has to give its place back";
  claim.release();
  use({leg(3, 1000, {"unix:/b"})});

  EXPECT_TRUE(target.expired());
}

TEST_F(TargetRegistryTest, ForgetsWhatATargetDidBeforeItWasDropped) {
  {
    const auto before = use({leg(1, 1000, {"unix:/a"})});
    before->of(0)[0]->failed(TargetFailure::Refused, clock_.now());
  }
  use({leg(2, 1000, {"unix:/b"})});
  clock_.advance(Millis(10));

  const auto after = use({leg(3, 1000, {"unix:/a"})});

  EXPECT_TRUE(after->of(0)[0]->is_usable(clock_.now()));
  EXPECT_EQ(after->of(0)[0]->since(), clock_.now());
}

TEST_F(TargetRegistryTest, CountsTheUnhealthy) {
  const auto targets = use({leg(1, 1000, {"unix:/a", "unix:/b"})});
  for (int i = 0; i < kMaxProbeMisses; ++i) targets->of(0)[0]->probe_missed();

  EXPECT_EQ(registry_.figures().unhealthy, 1);
}

}  // namespace
}  // namespace pixell::edge
