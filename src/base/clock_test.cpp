#include "base/clock.hpp"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"

namespace pixell {
namespace {

TEST(Iso8601, PrintsMillisecondsInUtc) {
  EXPECT_EQ(iso8601(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso8601(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(iso8601(951'782'400'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(iso8601(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(iso8601(253'402'300'800'000), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(iso8601(-62'167'219'200'000), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(iso8601(-1), "1969-12-31T23:59:59.999Z");
}

TEST(SystemClock, DoesNotGoBackwards) {
  const Instant first = system_clock().now();

  EXPECT_GE(system_clock().now(), first);
  EXPECT_GT(system_clock().unix_now(), 1'600'000'000'000);
}

TEST(FakeClock, MovesOnlyWhenAdvanced) {
  FakeClock clock(1000);
  const Instant before = clock.now();
  EXPECT_EQ(clock.unix_now(), 1000);

  clock.advance(Millis(250));

  EXPECT_EQ(clock.unix_now(), 1250);
  EXPECT_EQ(clock.now() - before, Millis(250));
}

}  // namespace
}  // namespace pixell
