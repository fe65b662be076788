#include "net/http2_patience.hpp"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"

namespace pixell::net {
namespace {

class Http2PatienceTest : public testing::Test {
 protected:
  int resets_until_refused() {
    int taken = 0;
    while (taken < 100'000 && patience.take_reset(clock.now())) ++taken;
    return taken;
  }
  int idle_frames_until_refused() {
    int taken = 0;
    while (taken < 100'000 && patience.take_idle_frame(clock.now())) ++taken;
    return taken;
  }

  FakeClock clock;
  Http2Patience patience;
};

TEST_F(Http2PatienceTest, EndsWithTooManyResets) {
  EXPECT_EQ(resets_until_refused(), kH2MaxResets);
}

TEST_F(Http2PatienceTest, ForgivesResetsAmongManyMoreStreams) {
  for (int i = 0; i < 10 * kH2MaxResets; ++i) {
    patience.opened();
    if (i % 3 != 0) continue;
    EXPECT_TRUE(patience.take_reset(clock.now())) << i;
  }
}

TEST_F(Http2PatienceTest, EndsWithTooManyFramesThatMoveNothing) {
  EXPECT_EQ(idle_frames_until_refused(), kH2MaxIdleFrames);
}

TEST_F(Http2PatienceTest, TakesAsManyAsAReaderSends) {
  for (int i = 0; i < 10 * kH2MaxIdleFrames; ++i) {
    patience.moved();
    for (int each = 0; each < 3; ++each) EXPECT_TRUE(patience.take_idle_frame(clock.now())) << i;
  }
}

TEST_F(Http2PatienceTest, BeginsAnewWithEachWindow) {
  resets_until_refused();
  idle_frames_until_refused();

  clock.advance(kH2PatienceWindow + Millis(1));

  EXPECT_EQ(idle_frames_until_refused(), kH2MaxIdleFrames);
  EXPECT_EQ(resets_until_refused(), kH2MaxResets);
}

}  // namespace
}  // namespace pixell::net
