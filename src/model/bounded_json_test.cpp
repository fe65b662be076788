#include "model/bounded_json.hpp"

#include <gtest/gtest.h>

namespace pixell::model {
namespace {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(BoundedJson, TakesWhatIsWithinTheLimit) {
  const BoundedJson parsed = parse_bounded(R"({"b":[1],"a":{}})", 2);
  EXPECT_EQ(parsed.value.dump(), R"({"b":[1],"a":{}})");
  EXPECT_FALSE(parsed.is_too_deep);
  EXPECT_EQ(parsed.wrong, "");
}

TEST(BoundedJson, LeavesOutWhatNestsDeeperAndKeepsTheRest) {
  const BoundedJson parsed =
      parse_bounded(R"({"t":"done","r":)" + nested(100'000) + R"(,"x":"7"})", 3);
  EXPECT_TRUE(parsed.is_too_deep);
  EXPECT_EQ(parsed.value.at("t"), "done");
  EXPECT_EQ(parsed.value.at("x"), "7");
  EXPECT_LT(parsed.value.dump().size(), 100U);
}

TEST(BoundedJson, SaysWhyATextIsNone) {
  const BoundedJson parsed = parse_bounded("{", 2);
  EXPECT_TRUE(parsed.value.is_null());
  EXPECT_NE(parsed.wrong.find("parse error"), std::string::npos);
  EXPECT_FALSE(parse_bounded(nested(100'000).substr(1), 2).wrong.empty());
}

}  // namespace
}  // namespace pixell::model
