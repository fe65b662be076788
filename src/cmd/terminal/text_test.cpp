#include "cmd/terminal/text.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace pixell::cmd {
namespace {

TEST(PlainText, LetsNobodyDriveTheTerminal) {
  EXPECT_EQ(plain("a\tb"), "a\tb");
  EXPECT_EQ(plain("\x1b]0;x\x07"), "\\x1b]0;x\\x07");
  EXPECT_EQ(plain("\xc2\x9b"), "\\xc2\\x9b");  // the one-character CSI
  EXPECT_EQ(plain("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(plain("Zo\xc3\xab \xe4\xb8\xad"), "Zo\xc3\xab \xe4\xb8\xad");
}

TEST(DisplayWidth, CountsColumnsAndNotBytes) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("Zo\xc3\xab"), 3U);
  EXPECT_EQ(display_width("\xe4\xb8\xad"), 2U);      // an East Asian character
  EXPECT_EQ(display_width("\xf0\x9f\x98\x80"), 2U);  // an emoji
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);         // a combining accent
}

TEST(CutToWidth, NeverCutsACharacterInTwo) {
  EXPECT_EQ(cut_to_width("abcdef", 0), "abcdef");
  EXPECT_EQ(cut_to_width("abcdef", 6), "abcdef");
  EXPECT_EQ(cut_to_width("abcdef", 4), "abc\xe2\x80\xa6");
  EXPECT_EQ(cut_to_width("\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", 4), "\xe4\xb8\xad\xe2\x80\xa6");
}

TEST(Padded, StandsToEitherSide) {
  EXPECT_EQ(padded("\xc3\xab", 3), "\xc3\xab  ");
  EXPECT_EQ(padded("7", 3, true), "  7");
  EXPECT_EQ(padded("long", 3), "long");
}

TEST(Painted, IsPlainWithoutColour) {
  EXPECT_EQ(painted(Colour::Red, "x", true), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(painted(Colour::Red, "x", false), "x");
  EXPECT_EQ(painted(Colour::Plain, "x", true), "x");
}

TEST(Screen, IsNoTerminalBehindAPipe) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);

  const Screen screen = look_at_screen(ends[1], {});

  EXPECT_FALSE(screen.is_terminal || screen.has_colour);
  EXPECT_EQ(screen.width, 0U);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(LogFields, AreThoseThatNotEveryLineHas) {
  EXPECT_EQ(log_fields({{"event", "e"}, {"level", "info"}, {"n", 7}, {"why", "\x1b"}}),
            " n=7 why=\\x1b");
}

}  // namespace
}  // namespace pixell::cmd
