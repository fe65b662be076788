#include "par/boot/boot_timeline.hpp"

#include <gtest/gtest.h>

namespace pixell::par {
namespace {

Instant at(int millis) { return Instant() + Millis(millis); }

TEST(BootTimeline, MeasuresEachPhaseAndTheWhole) {
  BootTimeline timeline(at(100));

  timeline.enter("bind", at(100));
  timeline.enter("fetch", at(103));
  timeline.enter("worker", at(110));
  timeline.finish(at(150));

  ASSERT_EQ(timeline.phases().size(), 3U);
  EXPECT_EQ(timeline.phases()[0].name, "bind");
  EXPECT_DOUBLE_EQ(timeline.phases()[0].millis, 3);
  EXPECT_DOUBLE_EQ(timeline.phases()[1].millis, 7);
  EXPECT_DOUBLE_EQ(timeline.phases()[2].millis, 40);
  EXPECT_DOUBLE_EQ(timeline.total_ms(), 50);
}

TEST(BootTimeline, GoesOnCountingAPhaseThatComesBack) {
  BootTimeline timeline(at(0));

  timeline.enter("fetch", at(0));
  timeline.enter("verify", at(5));
  timeline.enter("fetch", at(6));
  timeline.finish(at(10));

  ASSERT_EQ(timeline.phases().size(), 2U);
  EXPECT_DOUBLE_EQ(timeline.phases()[0].millis, 9);
}

}  // namespace
}  // namespace pixell::par
