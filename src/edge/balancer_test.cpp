#include "edge/balancer.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "base/testing/fake_clock.hpp"

namespace pixell::edge {
namespace {

class BalancerTest : public ::testing::Test {
 protected:
  void add_targets(int count) {
    for (int i = 0; i < count; ++i) {
      states_.push_back(std::make_unique<TargetState>(
          net::Address{"unix:/" + std::to_string(states_.size())}, clock_.now(), events_));
      leg_.push_back(states_.back().get());
    }
  }
  void age() { clock_.advance(kSlowStartWindow); }
  TargetState& target(std::size_t i) { return *states_[i]; }
  void load(std::size_t i, int requests) {
    for (int n = 0; n < requests; ++n) claims_.emplace_back(target(i), clock_.now());
  }
  void eject(std::size_t i) { target(i).failed(TargetFailure::Refused, clock_.now()); }
  void make_unhealthy(std::size_t i) {
    for (int n = 0; n < kMaxProbeMisses; ++n) target(i).probe_missed();
  }

  Pick pick() {
    dice_ = dice_ * 6364136223846793005ULL + 1442695040888963407ULL;
    const Pick picked =
        pick_target(leg_, {.now = clock_.now(), .dice = dice_ ^ (dice_ >> 29), .tried = tried_});
    if (picked.target != nullptr) {
      EXPECT_EQ(leg_[picked.index], picked.target);
    }
    return picked;
  }
  // How many of a thousand picks each target gets.
  std::vector<int> picks_of_1000() {
    std::map<const TargetState*, int> got;
    for (int i = 0; i < 1000; ++i) ++got[pick().target];
    std::vector<int> counts;
    for (const auto& state : states_) counts.push_back(got[state.get()]);
    return counts;
  }

  FakeClock clock_;
  std::shared_ptr<TargetEvents> events_ = std::make_shared<TargetEvents>();
  std::vector<std::unique_ptr<TargetState>> states_;
  std::vector<TargetState*> leg_;
  std::vector<TargetClaim> claims_;
  TriedTargets tried_;
  std::uint64_t dice_ = 1;
};

TEST_F(BalancerTest, PicksNothingOfALegWithoutTargets) { EXPECT_EQ(pick().target, nullptr); }

TEST_F(BalancerTest, PicksTheOnlyTargetWhateverItsLoad) {
  add_targets(1);
  load(0, 100);

  EXPECT_EQ(pick().target, &target(0));
}

TEST_F(BalancerTest, PicksTheOnlyTargetAlthoughItIsOut) {
  add_targets(1);
  eject(0);
  EXPECT_EQ(pick().target, &target(0));
  EXPECT_TRUE(pick().is_panic);

  make_unhealthy(0);

  EXPECT_EQ(pick().target, &target(0));
}

TEST_F(BalancerTest, PicksNothingOnceAllWereTried) {
  add_targets(2);
  tried_.add(&target(0));
  EXPECT_EQ(pick().target, &target(1));
  tried_.add(&target(1));
  EXPECT_EQ(pick().target, nullptr);

  tried_.clear();

  EXPECT_NE(pick().target, nullptr);
}

TEST_F(BalancerTest, SharesEvenlyAmongIdleTargets) {
  add_targets(4);
  age();

  for (const int count : picks_of_1000()) EXPECT_NEAR(count, 250, 60);
}

TEST_F(BalancerTest, PrefersTheLessLoadedOfTwo) {
  add_targets(2);
  age();
  load(0, 3);
  load(1, 2);

  EXPECT_EQ(picks_of_1000(), (std::vector{0, 1000}));
}

TEST_F(BalancerTest, NeverPicksTheMostLoadedOfMany) {
  add_targets(5);
  age();
  load(2, 1);

  EXPECT_EQ(picks_of_1000()[2], 0);
}

TEST_F(BalancerTest, EvensOutTheLoadOfRequestsThatStay) {
  add_targets(5);
  age();
  for (int i = 0; i < 1000; ++i) claims_.emplace_back(*pick().target, clock_.now());

  for (const auto& state : states_) EXPECT_NEAR(state->outstanding(), 200, 5);
}

TEST_F(BalancerTest, LeavesOutWhoeverIsEjectedOrUnhealthyOrTried) {
  add_targets(5);
  age();
  eject(0);
  make_unhealthy(1);
  tried_.add(&target(2));

  const auto counts = picks_of_1000();

  EXPECT_EQ(counts[0] + counts[1] + counts[2], 0);
  EXPECT_NEAR(counts[3], 500, 100);
  EXPECT_NEAR(counts[4], 500, 100);
}

TEST_F(BalancerTest, TakesAnEjectedTargetBackAfterItsTime) {
  add_targets(2);
  age();
  eject(0);
  EXPECT_EQ(picks_of_1000()[0], 0);

  clock_.advance(kEjectionStep);

  EXPECT_NEAR(picks_of_1000()[0], 500, 100);
}

TEST_F(BalancerTest, IgnoresEjectionsWhenTooManyAreOut) {
  add_targets(4);
  age();
  load(0, 50);
  for (std::size_t i = 1; i < 3; ++i) eject(i);
  EXPECT_EQ(picks_of_1000()[1], 0) << "half of them is within the share";

  eject(3);
  const auto counts = picks_of_1000();

  for (const int count : counts) EXPECT_NEAR(count, 250, 60) << "at random, whatever the load";
  EXPECT_TRUE(pick().is_panic);
}

TEST_F(BalancerTest, TriesAnEjectedTargetBeforeItGivesUp) {
  add_targets(2);
  eject(1);
  tried_.add(&target(0));

  const Pick picked = pick();

  EXPECT_EQ(picked.target, &target(1));
  EXPECT_TRUE(picked.is_panic);
}

TEST_F(BalancerTest, SendsOnlyAFirstTryToATargetThatWouldHang) {
  add_targets(2);
  make_unhealthy(0);
  make_unhealthy(1);
  EXPECT_NE(pick().target, nullptr);

  tried_.add(&target(0));

  EXPECT_EQ(pick().target, nullptr);
}

TEST_F(BalancerTest, GivesANewTargetItsShareGradually) {
  add_targets(1);
  age();
  add_targets(1);

  EXPECT_NEAR(picks_of_1000()[1], 50, 30) << "a tenth of its half";
  clock_.advance(kSlowStartWindow / 2);
  EXPECT_NEAR(picks_of_1000()[1], 250, 60);
  clock_.advance(kSlowStartWindow / 2);
  EXPECT_NEAR(picks_of_1000()[1], 500, 100);
}

TEST_F(BalancerTest, SharesEvenlyAmongTargetsThatAreAllNew) {
  add_targets(2);

  EXPECT_NEAR(picks_of_1000()[1], 500, 100);
}

TEST_F(BalancerTest, GivesANewTargetItsShareAtOnceWithoutAWindow) {
  add_targets(1);
  age();
  add_targets(1);
  int got = 0;
  for (int i = 0; i < 1000; ++i) {
    dice_ = dice_ * 6364136223846793005ULL + 1442695040888963407ULL;
    const Pick picked = pick_target(
        leg_, {.now = clock_.now(), .dice = dice_, .tried = tried_, .slow_start = Millis(0)});
    got += picked.target == &target(1) ? 1 : 0;
  }

  EXPECT_NEAR(got, 500, 100);
}

TEST(TriedTargets, RemembersNoMoreThanItHasRoomFor) {
  auto events = std::make_shared<TargetEvents>();
  std::vector<std::unique_ptr<TargetState>> states;
  TriedTargets tried;
  for (std::size_t i = 0; i <= kMaxTriedTargets; ++i) {
    EXPECT_EQ(tried.is_full(), i >= kMaxTriedTargets);
    states.push_back(std::make_unique<TargetState>(net::Address{"unix:/a"}, Instant(), events));
    tried.add(states.back().get());
  }

  EXPECT_TRUE(tried.has(states.front().get()));
  EXPECT_FALSE(tried.has(states.back().get()));
}

}  // namespace
}  // namespace pixell::edge
