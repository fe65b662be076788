#include "reconcile/app_schedule.hpp"

#include <gtest/gtest.h>

#include <set>

#include "reconcile/limits.hpp"

namespace pixell::reconcile {
namespace {

TEST(PassBackoff, DoublesUpToTheCapAndSpreadsByAQuarter) {
  std::minstd_rand random(1);
  Millis middle = kPassBackoff;
  for (int failures = 1; failures < 20; ++failures) {
    std::set<Millis> seen;
    for (int i = 0; i < 50; ++i) seen.insert(pass_backoff(failures, random));

    EXPECT_GE(*seen.begin(), middle * 3 / 4) << failures;
    EXPECT_LE(*seen.rbegin(), middle * 5 / 4 + Millis(1)) << failures;
    EXPECT_GT(seen.size(), 5u) << "apps that failed together are tried apart";
    middle = std::min(middle * 2, kMaxPassBackoff);
  }
}

}  // namespace
}  // namespace pixell::reconcile
