#include "par/surface/http_date.hpp"

#include <gtest/gtest.h>

namespace pixell::par {
namespace {

constexpr std::int64_t kExample = 784111777;  // of RFC 9110 5.6.7

TEST(HttpDate, IsTheFixedFormOfRfc9110) {
  EXPECT_EQ(http_date(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(HttpDate, IsReadInAllThreeForms) {
  EXPECT_EQ(seconds_of_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), kExample);
  EXPECT_EQ(seconds_of_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), kExample);
  EXPECT_EQ(seconds_of_http_date("Sun Nov  6 08:49:37 1994"), kExample);
}

TEST(HttpDate, IsNoOtherText) {
  for (const char* text : {"", "0", "yesterday", "Sun, 06 Nov 1994", "1994-11-06T08:49:37Z",
                           "Sun, 06 Nov 1994 08:49:37 GMT+1", "Sun, 06 Nov 1994 08:49:37 CET"})
    EXPECT_EQ(seconds_of_http_date(text), std::nullopt) << text;
}

}  // namespace
}  // namespace pixell::par
