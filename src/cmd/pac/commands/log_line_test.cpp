#include "cmd/pac/commands/log_line.hpp"

#include <gtest/gtest.h>

namespace pixell::cmd {
namespace {

TEST(LogLine, ShowsTimeInstanceLevelMessageAndFields) {
  EXPECT_EQ(show_log_line(R"({"timestamp":"2026-11-26T13:50:01.123456Z","level":"info",)"
                          R"("event":"hello","instance":"01J0000000000000000ABCDEFG","n":7,)"
                          R"("revision":2})",
                          "", false),
            "11-26 13:50:01.123 0abcdefg info    hello n=7");
}

TEST(LogLine, NamesTheInstanceItWasReadFrom) {
  EXPECT_EQ(show_log_line(R"({"level":"error","event":"bad","stream":"stderr"})",
                          "01J0000000000000000ABCDEFG", false),
            "                   0abcdefg error   stderr | bad");
}

TEST(LogLine, ShowsTextAsAMessageThatCannotDriveTheTerminal) {
  EXPECT_EQ(show_log_line("\x1b[2Jplain", "X", false),
            "                   x -       \\x1b[2Jplain");
  EXPECT_EQ(show_log_line(R"({"instance":"X","message":"wrapped"})", "", false),
            "                   x -       wrapped");
}

TEST(LogLine, ColoursByLevel) {
  EXPECT_EQ(show_log_line(R"({"level":"error","event":"bad"})", "X", true),
            "\x1b[2m                   x error  \x1b[0m \x1b[31mbad\x1b[0m");
}

}  // namespace
}  // namespace pixell::cmd
