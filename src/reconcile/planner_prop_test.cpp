#include <fmt/format.h>
#include <gtest/gtest.h>

#include "reconcile/testing/planner_world.hpp"

namespace pixell::reconcile {
namespace {

constexpr int kWorlds = 400;
constexpr int kEventsPerWorld = 80;

TEST(PlannerProperty, ConvergesAndNeverTakesTheLastReadyTargetAway) {
  for (unsigned seed = 1; seed <= kWorlds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    PlannerWorld world(seed);

    for (int i = 0; i < kEventsPerWorld; ++i) {
      world.something_happens();
      world.pass(true);
    }

    ASSERT_TRUE(world.comes_to_rest());
    world.check_rest();
    if (::testing::Test::HasFailure()) return;  // the first seed is enough to look at
  }
}

TEST(PlannerProperty, HasNothingLeftAfterItsStepsWereDone) {
  for (unsigned seed = 1; seed <= kWorlds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    PlannerWorld world(seed);

    for (int i = 0; i < kEventsPerWorld / 2; ++i) {
      world.something_happens();
      world.pass(true);
      world.check_idempotent();
    }

    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace pixell::reconcile
