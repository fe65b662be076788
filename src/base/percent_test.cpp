#include "base/percent.hpp"

#include <gtest/gtest.h>

namespace pixell {
namespace {

TEST(PercentDecode, DecodesBothCasesAndLeavesTheRest) {
  EXPECT_EQ(percent_decode("a%2Fb%c3%A4+c"), "a/b\xc3\xa4+c");
  EXPECT_EQ(percent_decode(""), "");
  EXPECT_EQ(percent_decode("%25"), "%");
}

TEST(PercentDecode, RefusesMalformedSequencesAndNul) {
  for (const char* text : {"%", "a%2", "%zz", "%2", "%%41", "%00", "x%0"})
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
}

TEST(PercentEncode, KeepsTheUnreservedAndWhatIsNamed) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("/a b%\xff"), "%2Fa%20b%25%FF");
  EXPECT_EQ(percent_encode("/a/b", "/"), "/a/b");
}

}  // namespace
}  // namespace pixell
