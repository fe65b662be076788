#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pixell {
namespace {

TEST(Utf8, IsToldFromOtherBytes) {
  for (const char* text : {"", "plain", "caf\xc3\xa9", "\xed\x9f\xbf", "\xf0\x9f\x98\x80 end"})
    EXPECT_TRUE(is_utf8(text)) << text;
  // A lone byte, a cut sequence, an overlong one, half a surrogate pair, past the last code point.
  for (const char* text :
       {"\xff", "caf\xe9", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    EXPECT_FALSE(is_utf8(text)) << text;
}

TEST(Utf8, HasALengthPerSequence) {
  const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x80";

  EXPECT_EQ(utf8_length(text, 0), 1U);
  EXPECT_EQ(utf8_length(text, 1), 2U);
  EXPECT_EQ(utf8_length(text, 3), 3U);
  EXPECT_EQ(utf8_length(text, 6), 4U);
  EXPECT_EQ(utf8_length(text, 10), 0U);
}

}  // namespace
}  // namespace pixell
