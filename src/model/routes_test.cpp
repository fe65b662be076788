#include "model/routes.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::model {
namespace {

using nlohmann::json;

TEST(Stickiness, ReadsBackWhatWasWritten) {
  for (const StickyBy by : {StickyBy::None, StickyBy::Cookie, StickyBy::Header}) {
    const auto back = stickiness_from_json(to_json(Stickiness{.by = by, .name = "x-user"}));

    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->by, by);
    EXPECT_EQ(back->name, "x-user");
  }
}

TEST(Stickiness, IsNoneWhenNothingIsSaid) {
  EXPECT_EQ(stickiness_from_json(json()).value().by, StickyBy::None);
  EXPECT_EQ(stickiness_from_json(json::object()).value().by, StickyBy::None);
}

struct WrongSticky {
  const char* name;
  json value;
  const char* told;
};

class StickinessRefuses : public testing::TestWithParam<WrongSticky> {};

TEST_P(StickinessRefuses, AndNamesTheRemedy) {
  const auto read = stickiness_from_json(GetParam().value);

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(read.error().message.find(GetParam().told), std::string::npos) << read.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, StickinessRefuses,
    testing::Values(
        WrongSticky{"unknown_by", {{"by", "ip"}}, "'ip' is not known; use none, cookie or header"},
        WrongSticky{"header_without_name", {{"by", "header"}}, "name the header"},
        WrongSticky{"name_that_ends_the_cookie",
                    {{"by", "cookie"}, {"name", "a;b"}},
                    "use letters, digits"},
        WrongSticky{
            "name_with_a_line_end", {{"by", "header"}, {"name", "a\r\nb"}}, "use letters, digits"},
        WrongSticky{"long_name",
                    {{"by", "header"}, {"name", std::string(kMaxStickyNameBytes + 1, 'a')}},
                    "longer than 64 bytes"},
        WrongSticky{"by_is_a_number", {{"by", 1}}, "none|cookie|header"},
        WrongSticky{"a_text", "cookie", "none|cookie|header"}),
    [](const auto& row) { return row.param.name; });

TEST(RouteSnapshot, CarriesTheStickinessOfARoute) {
  RouteSnapshot snapshot{.generation = 3};
  snapshot.routes.push_back({.app_id = "a"});
  snapshot.routes.back().sticky = {.by = StickyBy::Header, .name = "x-user"};

  const auto back = route_snapshot_from_json(to_json(snapshot));

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->routes.at(0).sticky.by, StickyBy::Header);
  EXPECT_EQ(back->routes.at(0).sticky.name, "x-user");
}

TEST(RouteSnapshot, OfAnEarlierVersionHasNoStickiness) {
  json old = to_json(RouteSnapshot{.generation = 3, .routes = {{.app_id = "a"}}});
  old["routes"][0].erase("sticky");

  EXPECT_EQ(route_snapshot_from_json(old).value().routes.at(0).sticky.by, StickyBy::None);
}

}  // namespace
}  // namespace pixell::model
