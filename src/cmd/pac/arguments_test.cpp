#include "cmd/pac/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pixell::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(ParseSeconds, TakesUnitsAndRefusesTheRest) {
  EXPECT_EQ(parse_seconds("90").value(), 90);
  EXPECT_EQ(parse_seconds("90s").value(), 90);
  EXPECT_EQ(parse_seconds("15m").value(), 900);
  EXPECT_EQ(parse_seconds("2h").value(), 7'200);
  EXPECT_EQ(parse_seconds("1d").value(), 86'400);
  for (const char* wrong : {"", "s", "-1s", "1.5m", "5 m", "1w", "99999999999999999d"})
    EXPECT_FALSE(parse_seconds(wrong)) << wrong;
  EXPECT_THAT(parse_seconds("soon").error().message, HasSubstr("90s"));
}

TEST(ParseMillis, TakesMillisecondsAndDurations) {
  EXPECT_EQ(parse_millis("500ms").value(), 500);
  EXPECT_EQ(parse_millis("2s").value(), 2'000);
  EXPECT_FALSE(parse_millis("ms"));
  EXPECT_FALSE(parse_millis("fast"));
}

TEST(ParseBytes, TakesBinaryUnits) {
  EXPECT_EQ(parse_bytes("0").value(), 0);
  EXPECT_EQ(parse_bytes("1500").value(), 1'500);
  EXPECT_EQ(parse_bytes("512KiB").value(), 512 * 1024);
  EXPECT_EQ(parse_bytes("10MiB").value(), 10 * 1024 * 1024);
  EXPECT_EQ(parse_bytes("1TiB").value(), 1LL << 40);
  for (const char* wrong : {"", "MiB", "10MB", "1.5MiB", "-1", "10 MiB", "9999999999TiB"})
    EXPECT_FALSE(parse_bytes(wrong)) << wrong;
  EXPECT_THAT(parse_bytes("big").error().message, HasSubstr("10MiB"));
}

TEST(ParseTimeouts, ChangesThoseThatAreNamed) {
  const model::SurfaceTimeouts now{.rest_ms = 1, .ui_ms = 2};

  EXPECT_EQ(
      parse_timeouts("rest=60s,a2a=500ms,idle=5m", now).value(),
      (model::SurfaceTimeouts{.rest_ms = 60'000, .a2a_ms = 500, .ui_ms = 2, .idle_ms = 300'000}));
  EXPECT_EQ(parse_timeouts("ui=0", now).value(), model::SurfaceTimeouts{.rest_ms = 1});
  for (const char* wrong : {"", "rest", "rest=", "rpc=1s", "rest=1s,", "=1s", "rest=soon"})
    EXPECT_FALSE(parse_timeouts(wrong)) << wrong;
}

TEST(ParseMirror, TakesARevisionAndItsShare) {
  EXPECT_EQ(parse_mirror("13=10%", {.max_body_bytes = 7}).value(),
            (model::Mirror{.revision = 13, .permille = 100, .max_body_bytes = 7}));
  for (const char* wrong : {"", "13", "0=10%", "13=10", "x=1%"})
    EXPECT_FALSE(parse_mirror(wrong)) << wrong;
}

TEST(ShowTypedDuration, IsWhatParseMillisReads) {
  for (const std::int64_t millis : {1, 500, 1'000, 1'500, 60'000, 90'000, 7'200'000})
    EXPECT_EQ(parse_millis(show_typed_duration(millis)).value(), millis);
  EXPECT_EQ(show_typed_duration(300'000), "5m");
}

TEST(ParsePermille, TakesPercentWithOneDecimal) {
  EXPECT_EQ(parse_permille("5%").value(), 50);
  EXPECT_EQ(parse_permille("12.5%").value(), 125);
  EXPECT_EQ(parse_permille("0%").value(), 0);
  EXPECT_EQ(parse_permille("100%").value(), 1000);
  for (const char* wrong : {"5", "%", "100.1%", "101%", "-1%", "1.25%", "1.%"})
    EXPECT_FALSE(parse_permille(wrong)) << wrong;
}

TEST(ParseCanarySteps, TakesSharesWithTimes) {
  const auto steps = parse_canary_steps("5%:60s,25%:2m");

  ASSERT_TRUE(steps) << steps.error().message;
  EXPECT_THAT(*steps, ElementsAre(model::CanaryStep{50, 60}, model::CanaryStep{250, 120}));
  for (const char* wrong : {"", "5%", "5%:", ":60s", "5%:60s,", "x:60s"})
    EXPECT_FALSE(parse_canary_steps(wrong)) << wrong;
}

TEST(ParseSplit, NeedsAllOfTheTraffic) {
  EXPECT_THAT(parse_split("12=90%,13=10%").value(), ElementsAre(Pair(12, 900), Pair(13, 100)));
  EXPECT_THAT(parse_split("3=50%,4=40%").error().message, HasSubstr("add up to 90%"));
  EXPECT_THAT(parse_split("3=50%,3=50%").error().message, HasSubstr("twice"));
  for (const char* wrong : {"", "3", "0=100%", "x=100%", "=100%", "3=100%,"})
    EXPECT_FALSE(parse_split(wrong)) << wrong;
}

TEST(ParseAssignment, SplitsAtTheFirstEqualsSign) {
  EXPECT_THAT(parse_assignment("A=b=c").value(), Pair("A", "b=c"));
  EXPECT_THAT(parse_assignment("A=").value(), Pair("A", ""));
  EXPECT_FALSE(parse_assignment("A"));
  EXPECT_FALSE(parse_assignment("=b"));
}

TEST(ParseTag, NeedsATagAndARevision) {
  EXPECT_THAT(parse_tag("next=13").value(), Pair("next", 13));
  for (const char* wrong : {"next", "next=0", "Next=1", "=1", "next=x"})
    EXPECT_FALSE(parse_tag(wrong)) << wrong;
}

TEST(ParseSticky, TakesNoneCookieAndHeader) {
  EXPECT_EQ(parse_sticky("none").value(), model::Stickiness{});
  EXPECT_EQ(parse_sticky("cookie").value(), (model::Stickiness{model::StickyBy::Cookie, ""}));
  EXPECT_EQ(parse_sticky("cookie:c").value(), (model::Stickiness{model::StickyBy::Cookie, "c"}));
  EXPECT_EQ(parse_sticky("header:X-U").value(),
            (model::Stickiness{model::StickyBy::Header, "X-U"}));
  for (const char* wrong : {"", "header", "header:", "cookie:", "ip", "none:x"})
    EXPECT_FALSE(parse_sticky(wrong)) << wrong;
}

TEST(ParseIso8601, ReadsWhatIso8601Writes) {
  for (const UnixMillis at :
       {UnixMillis{0}, UnixMillis{951'827'696'123}, UnixMillis{1'764'165'600'000}})
    EXPECT_EQ(parse_iso8601(iso8601(at)), at) << iso8601(at);
  EXPECT_EQ(parse_iso8601("1970-01-01T00:00:01Z"), 1000);
  for (const char* wrong : {"", "1970-01-01", "1970-13-01T00:00:00Z", "1970-01-01T25:00:00Z",
                            "1970-01-01T00:00:00+01:00"})
    EXPECT_EQ(parse_iso8601(wrong), std::nullopt) << wrong;
}

TEST(Show, SaysAsMuchAsHelps) {
  EXPECT_EQ(show_permille(50), "5%");
  EXPECT_EQ(show_permille(125), "12.5%");
  EXPECT_EQ(show_duration(2), "2 ms");
  EXPECT_EQ(show_duration(4'250), "4.2 s");
  EXPECT_EQ(show_duration(190'000), "3 m 10 s");
  EXPECT_EQ(show_duration(7'500'000), "2 h 5 m");
  EXPECT_EQ(show_duration(345'600'000), "4 d");
  EXPECT_EQ(show_age("1970-01-01T00:00:01Z", 3'601'000), "1 h ago");
  EXPECT_EQ(show_age("1970-01-01T00:00:05Z", 1'000), "0 s ago");  // clocks differ
  EXPECT_EQ(show_age("", 0), "-");
  EXPECT_EQ(show_bytes(512), "512 B");
  EXPECT_EQ(show_bytes(1'536), "1.5 KiB");
  EXPECT_EQ(show_bytes(20 * 1024 * 1024), "20 MiB");
}

TEST(QueryOf, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(query_of({{"a", ""}}), "");
  EXPECT_EQ(query_of({{"a", "1 2"}, {"b", ""}, {"c", "&"}}), "?a=1%202&c=%26");
}

}  // namespace
}  // namespace pixell::cmd
