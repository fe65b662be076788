#include "engine/log_piece.hpp"

#include <gtest/gtest.h>

namespace pixell::engine {
namespace {

struct Row {
  const char* name;
  std::string text;
  CutLines cut;
  std::string kept;
  std::int64_t from;
};

class KeepWholeLinesTest : public ::testing::TestWithParam<Row> {};

TEST_P(KeepWholeLinesTest, CutsWhereTold) {
  LogPiece piece{.text = GetParam().text, .from = 100};

  keep_whole_lines(piece, GetParam().cut);

  EXPECT_EQ(piece.text, GetParam().kept);
  EXPECT_EQ(piece.from, GetParam().from);
  EXPECT_EQ(piece.next, GetParam().from + std::int64_t(GetParam().kept.size()));
}

INSTANTIATE_TEST_SUITE_P(
    Lines, KeepWholeLinesTest,
    ::testing::Values(Row{"Nothing", "ab\ncd", {}, "ab\ncd", 100},
                      Row{"Front", "ab\ncd", {.front = true}, "cd", 103},
                      Row{"End", "ab\ncd", {.end = true}, "ab\n", 100},
                      Row{"Both", "a\nb\nc", {.front = true, .end = true}, "b\n", 102},
                      Row{"OneLongLine", "abc", {.front = true, .end = true}, "abc", 100},
                      Row{"EndOfOneLine", "abc\n", {.front = true, .end = true}, "abc\n", 100},
                      Row{"Empty", "", {.front = true, .end = true}, "", 100}),
    [](const auto& row) { return row.param.name; });

struct CutRow {
  const char* name;
  LogRange range;
  std::string text;
  std::int64_t from;
};

class CutLogTest : public ::testing::TestWithParam<CutRow> {};

TEST_P(CutLogTest, ReadsARange) {
  const LogPiece piece = cut_log("one\ntwo\nthree", 100, GetParam().range);

  EXPECT_EQ(piece.text, GetParam().text);
  EXPECT_EQ(piece.from, GetParam().from);
  EXPECT_EQ(piece.next, GetParam().from + std::int64_t(GetParam().text.size()));
}

INSTANTIATE_TEST_SUITE_P(
    Ranges, CutLogTest,
    ::testing::Values(CutRow{"All", {}, "one\ntwo\nthree", 100},
                      CutRow{"Tail", {.max_bytes = 10}, "two\nthree", 104},
                      CutRow{"TailOfHalfALine", {.max_bytes = 11}, "two\nthree", 104},
                      CutRow{"TailOfNothing", {.max_bytes = 0}, "", 113},
                      CutRow{"From", {.from = 104}, "two\nthree", 104},
                      CutRow{"FromWholeLines", {.from = 100, .max_bytes = 9}, "one\ntwo\n", 100},
                      CutRow{"PartOfALine", {.from = 100, .max_bytes = 2}, "on", 100},
                      CutRow{"BeforeTheStart", {.from = 3, .max_bytes = 5}, "one\n", 100},
                      CutRow{"AtTheEnd", {.from = 113}, "", 113},
                      CutRow{"BeyondTheEnd", {.from = 999}, "", 113}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace pixell::engine
