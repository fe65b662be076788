#include "base/json_line.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

namespace pixell {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

template <class Put, class... Arguments>
std::string text_of(Put put_it, Arguments... arguments) {
  std::array<char, 256> room;
  return {room.data(), put_it(room.data(), arguments...)};
}

TEST(JsonLine, HasNumbers) {
  for (const std::uint64_t number :
       {0ULL, 9ULL, 10ULL, 99ULL, 100ULL, 999ULL, 1000ULL, 18'446'744'073'709'551'615ULL})
    EXPECT_EQ(text_of(put_number, number), std::to_string(number));
}

TEST(JsonLine, HasDurations) {
  EXPECT_EQ(text_of(put_millis, nanoseconds(microseconds(12'345))), "12.345");
  EXPECT_EQ(text_of(put_millis, nanoseconds(-1)), "0.000");
  EXPECT_EQ(text_of(put_seconds, nanoseconds(microseconds(12'034'005))), "12.034005");
  EXPECT_EQ(text_of(put_seconds, nanoseconds(999)), "0.000000");
  EXPECT_EQ(text_of(put_seconds, nanoseconds(-1)), "0.000000");
}

TEST(JsonLine, EscapesAndCutsTexts) {
  const auto in = [](const std::string& text, std::size_t room) {
    return text_of([](char* out, std::string_view t, std::size_t r) { return put_text(out, t, r); },
                   std::string_view(text), room);
  };
  EXPECT_EQ(in("", 64), "");
  EXPECT_EQ(in("plain text of more than sixteen bytes", 64),
            "plain text of more than sixteen bytes");
  EXPECT_EQ(in("a\"b\\c\n", 64), R"(a\"b\\c\u000a)");
  EXPECT_EQ(in("\xc3\xa4\xff", 64), "\xc3\xa4\xEF\xBF\xBD");
  EXPECT_EQ(in(std::string(100, 'x'), 32), std::string(24, 'x') + "\xE2\x80\xA6");
}

}  // namespace
}  // namespace pixell
