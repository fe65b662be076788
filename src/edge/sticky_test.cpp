#include "edge/sticky.hpp"

#include <gtest/gtest.h>

namespace pixell::edge {
namespace {

// Other values would move every client to another leg at once.
TEST(StickyHash, NeverChanges) {
  EXPECT_EQ(sticky_hash("", ""), 0xb9034ad37056f5fbULL);
  EXPECT_EQ(sticky_hash("hello", "alice"), 0xea087096b3732055ULL);
}

TEST(StickyHash, PutsAClientElsewhereInEachApp) {
  EXPECT_NE(sticky_hash("hello", "alice"), sticky_hash("other", "alice"));
  EXPECT_NE(sticky_hash("ab", "c"), sticky_hash("a", "bc"));
}

net::Headers cookies(std::initializer_list<std::string_view> fields) {
  net::Headers headers;
  for (const std::string_view field : fields) headers.add("Cookie", field);
  return headers;
}

TEST(CookieValue, IsFoundAmongOthersAndInSeveralFields) {
  EXPECT_EQ(cookie_value(cookies({"sticky=1"}), "sticky"), "1");
  EXPECT_EQ(cookie_value(cookies({"a=b; sticky=1; c=d"}), "sticky"), "1");
  EXPECT_EQ(cookie_value(cookies({"a=b;sticky=x=y"}), "sticky"), "x=y");
  EXPECT_EQ(cookie_value(cookies({"a=b", "sticky=2"}), "sticky"), "2");
}

TEST(CookieValue, IsNothingWhenAbsentOrEmpty) {
  EXPECT_EQ(cookie_value({}, "sticky"), std::nullopt);
  EXPECT_EQ(cookie_value(cookies({"xsticky=1; stick=2; STICKY=3"}), "sticky"), std::nullopt);
  EXPECT_EQ(cookie_value(cookies({"sticky", "sticky=", ";;", "=1", ""}), "sticky"), std::nullopt);
}

TEST(StickyToken, IsSixteenDigits) {
  EXPECT_EQ(new_sticky_token(0), "0000000000000000");
  EXPECT_EQ(new_sticky_token(0xfedcba9876543210), "fedcba9876543210");
}

}  // namespace
}  // namespace pixell::edge
