#include "cmd/pac/life_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "base/testing/fake_clock.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LifeLine, CarriesBeatsAndTheWordReady) {
  auto ends = make_life_line();
  ASSERT_TRUE(ends) << ends.error().message;
  const LifeLine line(std::move(ends->spoken));

  line.beat(0);
  line.ready();
  line.beat(63);

  std::array<std::uint8_t, 3> heard{};
  ASSERT_EQ(::read(ends->watched.get(), heard.data(), heard.size()), 3);
  EXPECT_THAT(heard, ElementsAre(0, kReadyByte, 63));
}

TEST(LifeLine, HoldsUpNobodyWhenItIsNotRead) {
  auto ends = make_life_line();
  ASSERT_TRUE(ends);
  const LifeLine line(std::move(ends->spoken));

  for (int i = 0; i < 1'000'000; ++i) line.beat(0);

  SUCCEED() << "more than any pipe holds, and it returned";
}

class PulseTest : public ::testing::Test {
 protected:
  // Time goes by under the eyes of the watcher.
  void watch(Millis span) {
    for (Millis left = span; left > Millis(0); left -= kIdleTurn) {
      clock_.advance(std::min(left, kIdleTurn));
      pulse_.looked(clock_.now());
    }
  }
  std::string complaint() const { return pulse_.complaint(clock_.now()); }

  FakeClock clock_;
  Pulse pulse_{clock_.now()};
};

TEST_F(PulseTest, GivesARoleTimeToGetReady) {
  watch(kRoleStartTimeout);
  EXPECT_EQ(complaint(), "");
  EXPECT_FALSE(pulse_.is_ready());

  watch(Millis(1));

  EXPECT_THAT(complaint(), HasSubstr("not ready after 120001 ms"));
}

TEST_F(PulseTest, NamesTheLoopThatIsSilent) {
  pulse_.heard(kReadyByte, clock_.now());
  pulse_.heard(0, clock_.now());
  pulse_.heard(1, clock_.now());
  watch(kBeatTimeout);
  pulse_.heard(0, clock_.now());
  EXPECT_EQ(complaint(), "");

  watch(Millis(1));

  EXPECT_EQ(complaint(), "loop 1 was silent for 10001 ms");
  pulse_.heard(1, clock_.now());
  EXPECT_EQ(complaint(), "");
}

TEST_F(PulseTest, CountsNoTimeInWhichTheWatcherWasHeldUp) {
  pulse_.heard(kReadyByte, clock_.now());
  pulse_.heard(0, clock_.now());
  clock_.advance(Millis(86'400'000));

  pulse_.looked(clock_.now());

  EXPECT_EQ(complaint(), "");
  watch(kBeatTimeout + Millis(1));
  EXPECT_THAT(complaint(), HasSubstr("loop 0"));
}

TEST(IsTraced, IsFalseWithoutADebugger) {
  EXPECT_FALSE(is_traced(::getpid()));
  EXPECT_FALSE(is_traced(999'999'999));
}

}  // namespace
}  // namespace pixell::cmd
