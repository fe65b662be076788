#include "cmd/pac/edge_registry.hpp"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {
namespace {

class EdgeRegistryTest : public ::testing::Test {
 protected:
  bool all_applied(std::int64_t generation) {
    return edges_.all_applied("hello", generation, clock_.unix_now());
  }

  FakeClock clock_;
  EdgeRegistry edges_{clock_};
};

TEST_F(EdgeRegistryTest, SaysNothingIsAppliedWhileNoEdgeIsKnown) { EXPECT_FALSE(all_applied(0)); }

TEST_F(EdgeRegistryTest, TakesAnEdgeAtItsWord) {
  edges_.heard("a", 3);

  EXPECT_TRUE(all_applied(2));
  EXPECT_TRUE(all_applied(3));
  EXPECT_FALSE(all_applied(4));
}

TEST_F(EdgeRegistryTest, WaitsForTheSlowestEdge) {
  edges_.heard("a", 4);
  edges_.heard("b", 3);
  EXPECT_FALSE(all_applied(4));

  edges_.heard("b", 4);

  EXPECT_TRUE(all_applied(4));
}

TEST_F(EdgeRegistryTest, BelievesAnEdgeThatWentBack) {
  edges_.heard("a", 5);

  edges_.heard("a", 2);  // it was restarted and has an older snapshot in force

  EXPECT_FALSE(all_applied(5));
}

TEST_F(EdgeRegistryTest, ForgetsAnEdgeThatDoesNotPollAnyMore) {
  edges_.heard("gone", 1);
  clock_.advance(kEdgeLife);
  edges_.heard("here", 9);
  EXPECT_FALSE(all_applied(9)) << "the other may still wait in its long-poll";

  clock_.advance(Millis(1));

  EXPECT_TRUE(all_applied(9));
}

TEST_F(EdgeRegistryTest, SaysNothingIsAppliedOnceAllEdgesAreGone) {
  edges_.heard("a", 7);

  clock_.advance(kEdgeLife + Millis(1));

  EXPECT_FALSE(all_applied(7));
}

TEST_F(EdgeRegistryTest, RemembersABoundedNumberOfEdges) {
  for (std::size_t i = 0; i < kMaxEdges; ++i) edges_.heard(std::to_string(i), 5);

  edges_.heard("one too many", 1);
  EXPECT_TRUE(all_applied(5));
  edges_.heard("7", 1);
  EXPECT_FALSE(all_applied(5)) << "those that are known are still heard";

  clock_.advance(kEdgeLife + Millis(1));
  edges_.heard("one too many", 1);
  EXPECT_TRUE(all_applied(1)) << "there is room again";
}

TEST_F(EdgeRegistryTest, WaitsAWhileForEdgesOfOtherMachinesToComeBack) {
  EdgeRegistry fleet(clock_, kEdgeReturn);
  fleet.heard("a", 4);

  EXPECT_FALSE(fleet.all_applied("hello", 4, clock_.unix_now())) << "b may not have asked yet";
  EXPECT_TRUE(fleet.lags_behind("hello", 4));
  EXPECT_FALSE(fleet.has_just_settled());
  clock_.advance(kEdgeReturn);
  EXPECT_TRUE(fleet.all_applied("hello", 4, clock_.unix_now()));
  EXPECT_FALSE(fleet.lags_behind("hello", 4));
  EXPECT_TRUE(fleet.has_just_settled());
  EXPECT_FALSE(fleet.has_just_settled());
}

}  // namespace
}  // namespace pixell::cmd
