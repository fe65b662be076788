#include "cmd/pac/live_block.hpp"

#include <gtest/gtest.h>

namespace pixell::cmd {
namespace {

TEST(LiveBlock, StandsInPlaceOfItsFormerSelf) {
  LiveBlock block({.is_terminal = true, .width = 80});

  EXPECT_EQ(block.redrawn({"a", "b"}), "a\nb\n");
  EXPECT_EQ(block.redrawn({"c"}), "\x1b[2A\r\x1b[Jc\n");
  EXPECT_EQ(block.redrawn({}), "\x1b[1A\r\x1b[J");
}

TEST(LiveBlock, CountsTheRowsOfLongLinesAndNoColours) {
  LiveBlock block({.is_terminal = true, .has_colour = true, .width = 4});

  block.redrawn({"\x1b[32mabcd\x1b[0m", "abcdefg"});

  EXPECT_EQ(block.redrawn({"x"}), "\x1b[3A\r\x1b[Jx\n");
}

}  // namespace
}  // namespace pixell::cmd
