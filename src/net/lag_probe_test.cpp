#include "net/lag_probe.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/testing/fake_clock.hpp"

namespace pixell::net {
namespace {

class LagProbeTest : public ::testing::Test {
 protected:
  // Makes a measurement that the loop takes `busy` to get to.
  void measure(Millis busy) {
    loop_->post([this, busy] {
      probe_->start(clock_.now());
      clock_.advance(busy);
    });
    loop_->run();
  }

  FakeClock clock_;
  std::unique_ptr<EventLoop> loop_ = std::move(*EventLoop::create(clock_));
  std::vector<std::chrono::nanoseconds> lags_;
  std::unique_ptr<LagProbe> probe_ =
      std::move(*LagProbe::create(*loop_, [this](std::chrono::nanoseconds lag, Instant now) {
        EXPECT_EQ(now, clock_.now());
        lags_.push_back(lag);
        loop_->stop();
      }));
};

TEST_F(LagProbeTest, TellsHowLongItsEventWaited) {
  measure(Millis(0));
  measure(Millis(70));
  measure(Millis(3));

  EXPECT_EQ(lags_, (std::vector<std::chrono::nanoseconds>{Millis(0), Millis(70), Millis(3)}));
}

TEST_F(LagProbeTest, MeasuresOnceAtATime) {
  loop_->post([this] {
    probe_->start(clock_.now());
    clock_.advance(Millis(5));
    probe_->start(clock_.now());
    EXPECT_TRUE(probe_->is_under_way());
  });
  loop_->run();

  EXPECT_EQ(lags_, (std::vector<std::chrono::nanoseconds>{Millis(5)}));
  EXPECT_FALSE(probe_->is_under_way());
}

TEST_F(LagProbeTest, LeavesItsLoopWhenItIsDestroyed) {
  loop_->post([this] {
    probe_->start(clock_.now());
    probe_.reset();
    loop_->post([this] { loop_->stop(); });
  });
  loop_->run();

  EXPECT_TRUE(lags_.empty());
}

}  // namespace
}  // namespace pixell::net
