#include "par/worker/restart_policy.hpp"

#include <gtest/gtest.h>

namespace pixell::par {
namespace {

TEST(RestartPolicy, DoublesThePauseUpToTheMost) {
  RestartPolicy policy;

  EXPECT_EQ(policy.next_pause(Millis(10)), Millis(200));
  EXPECT_EQ(policy.next_pause(Millis(10)), Millis(400));
  EXPECT_EQ(policy.next_pause(Millis(10)), Millis(800));
  for (int i = 0; i < 20; ++i) (void)policy.next_pause(Millis(10));
  EXPECT_EQ(policy.next_pause(Millis(59'999)), Millis(30'000));
  EXPECT_EQ(policy.restarts(), 24);
}

TEST(RestartPolicy, StartsOverAfterAStableLife) {
  RestartPolicy policy;
  (void)policy.next_pause(Millis(10));
  (void)policy.next_pause(Millis(10));

  EXPECT_EQ(policy.next_pause(Millis(60'000)), Millis(200));
  EXPECT_EQ(policy.next_pause(Millis(10)), Millis(400));
}

}  // namespace
}  // namespace pixell::par
