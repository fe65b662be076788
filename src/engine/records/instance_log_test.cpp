#include "engine/records/instance_log.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "engine/testing/scratch_state.hpp"

namespace pixell::engine {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ScratchState;

namespace {

class InstanceLogTest : public ::testing::Test {
 protected:
  void append(const std::string& text) {
    if (!writer_) {
      auto opened = log_.open();
      ASSERT_TRUE(opened);
      writer_ = std::move(*opened);
    }
    ASSERT_TRUE(write_all(writer_.get(), text));
  }
  std::string tail(std::size_t max_bytes, bool is_complete = false) {
    const auto piece = log_.read({.max_bytes = max_bytes}, is_complete);
    EXPECT_TRUE(piece) << piece.error().message;
    return piece ? piece->text : "";
  }
  LogPiece read(std::int64_t from, std::size_t max_bytes = 100, bool is_complete = false) {
    auto piece = log_.read({.from = from, .max_bytes = max_bytes}, is_complete);
    EXPECT_TRUE(piece) << piece.error().message;
    return piece ? *piece : LogPiece();
  }
  // As a node that starts on what another one left.
  void start_anew() {
    log_ = InstanceLog(path_);
    ASSERT_TRUE(log_.recover());
  }

  ScratchState scratch_;
  std::filesystem::path path_ = scratch_.path() / "par.log";
  InstanceLog log_{path_};
  UniqueFd writer_;
};

MATCHER_P3(IsPiece, text, from, next, "") {
  *result_listener << "'" << arg.text << "' from " << arg.from << " to " << arg.next;
  return arg.text == text && arg.from == from && arg.next == next;
}

TEST_F(InstanceLogTest, LeavesASmallLogAlone) {
  append("one\n");

  EXPECT_FALSE(*log_.rotate(100));
  EXPECT_EQ(tail(100), "one\n");
}

TEST_F(InstanceLogTest, MovesALargeLogAsideWhileItsWriterGoesOn) {
  append("old old old\n");
  ASSERT_TRUE(*log_.rotate(8));

  append("new\n");

  EXPECT_EQ(*read_file(path_), "new\n");
  EXPECT_EQ(*read_file(path_.string() + ".1"), "old old old\n");
}

TEST_F(InstanceLogTest, KeepsWholeLinesOfTheEndOfALogThatGrewFarOverTheLimit) {
  append(std::string(100, 'a') + "\n0123456\nabcdef\n");

  ASSERT_TRUE(log_.rotate(8));

  EXPECT_EQ(*read_file(path_.string() + ".1"), "0123456\nabcdef\n");
  EXPECT_THAT(read(0), IsPiece("0123456\nabcdef\n", 101, 116));
}

TEST_F(InstanceLogTest, KeepsTheEndOfALineThatIsLongerThanEverything) {
  append(std::string(100, 'a') + "0123456789abcdef");

  ASSERT_TRUE(log_.rotate(8));

  EXPECT_EQ(*read_file(path_.string() + ".1"), "0123456789abcdef");
}

TEST_F(InstanceLogTest, ReachesBackIntoTheOlderFile) {
  append("first\n");
  ASSERT_TRUE(log_.rotate(5));
  append("second\n");

  EXPECT_EQ(tail(100), "first\nsecond\n");
  EXPECT_EQ(tail(13), "first\nsecond\n");
  EXPECT_EQ(tail(12), "second\n") << "the rest of a line was given";
  EXPECT_EQ(tail(7), "second\n");
  EXPECT_EQ(tail(3), "nd\n") << "a line longer than what may be given";
  EXPECT_EQ(tail(0), "");
}

TEST_F(InstanceLogTest, GivesEachByteOnceToAReaderThatFollows) {
  std::string given;
  std::int64_t position = 0;
  const auto follow = [&] {
    while (true) {
      const LogPiece piece = read(position, 10);
      ASSERT_EQ(piece.from, position);
      if (piece.text.empty()) return;
      given += piece.text;
      position = piece.next;
    }
  };
  std::string written;
  for (int round = 0; round < 20; ++round) {
    for (int line = 0; line < round % 4; ++line) {
      const std::string text = std::to_string(round) + "-" + std::to_string(line) + "\n";
      append(text);
      written += text;
    }
    if (round % 2 == 0) follow();
    if (round % 3 == 0) {
      ASSERT_TRUE(log_.rotate(12));
    }
    if (round % 5 == 0) start_anew();
  }
  follow();

  EXPECT_EQ(given, written);
  EXPECT_GT(log_.start(), 0);
}

TEST_F(InstanceLogTest, MovesAPositionThatWasDroppedUpToTheOldestByte) {
  for (const char* line : {"one\n", "two\n", "three\n"}) {
    append(line);
    ASSERT_TRUE(*log_.rotate(3));
  }
  append("four\n");

  EXPECT_THAT(read(0), IsPiece("three\nfour\n", 8, 19));
  EXPECT_THAT(read(8), IsPiece("three\nfour\n", 8, 19));
  EXPECT_THAT(read(14), IsPiece("four\n", 14, 19));
}

TEST_F(InstanceLogTest, MovesAPositionBeyondTheEndDownToIt) {
  append("one\n");

  EXPECT_THAT(read(4), IsPiece("", 4, 4));
  EXPECT_THAT(read(1'000), IsPiece("", 4, 4));
}

TEST_F(InstanceLogTest, GivesAnUnfinishedLineOnlyWhenNobodyWritesAnyMore) {
  append("one\ntw");

  EXPECT_THAT(read(0), IsPiece("one\n", 0, 4));
  EXPECT_THAT(read(4), IsPiece("", 4, 4));
  EXPECT_EQ(tail(100), "one\n");
  EXPECT_THAT(read(4, 100, true), IsPiece("tw", 4, 6));
  append("o\n");
  EXPECT_THAT(read(4), IsPiece("two\n", 4, 8));
}

TEST_F(InstanceLogTest, GivesALineThatIsTooLongInParts) {
  append("0123456789\nx\n");

  EXPECT_THAT(read(0, 6), IsPiece("012345", 0, 6));
  EXPECT_THAT(read(6, 6), IsPiece("6789\n", 6, 11));
}

TEST_F(InstanceLogTest, IsEmptyWhenThereIsNoLog) {
  EXPECT_EQ(tail(100), "");
  EXPECT_FALSE(*log_.rotate(100));
  EXPECT_TRUE(log_.recover());
}

TEST_F(InstanceLogTest, SaysThatItLostItsPositionAndReadsOn) {
  append("one\n");
  ASSERT_TRUE(*log_.rotate(2));
  append("two\n");
  ASSERT_TRUE(write_file_atomically(path_.string() + ".position", "{"));

  log_ = InstanceLog(path_);
  EXPECT_EQ(log_.recover().error().code, ErrorCode::DataLoss);

  EXPECT_THAT(read(0), IsPiece("one\ntwo\n", 0, 8));
}

TEST_F(InstanceLogTest, DoesNotFollowALink) {
  std::filesystem::create_symlink("/etc/passwd", path_);

  EXPECT_FALSE(log_.read({}, true));
  EXPECT_FALSE(log_.rotate(1));
  EXPECT_FALSE(log_.open());
}

enum class Cut { Copied, Recorded, Renamed, Emptied };

// A node that dies within a rotation, after one of its steps (see the points node.rotation.*): the
// next one loses and repeats nothing.
class CutRotationTest : public InstanceLogTest, public ::testing::WithParamInterface<Cut> {
 protected:
  void rotate_and_die() {
    const std::string content = *read_file(path_);
    ASSERT_TRUE(write_file_atomically(path_.string() + ".1.part", content));
    if (GetParam() == Cut::Copied) return;
    ASSERT_TRUE(write_file_atomically(
        path_.string() + ".position",
        fmt::format(R"({{"start":{},"moving":{}}})", log_.start(), content.size())));
    if (GetParam() == Cut::Recorded) return;
    std::filesystem::rename(path_.string() + ".1.part", path_.string() + ".1");
    if (GetParam() == Cut::Emptied) std::filesystem::resize_file(path_, 0);
  }
};

TEST_P(CutRotationTest, IsFinishedByTheNextNode) {
  append("dropped\n");
  ASSERT_TRUE(*log_.rotate(4));
  append("oldest\n");
  ASSERT_TRUE(*log_.rotate(4));
  append("before\n");
  rotate_and_die();
  append("after\n");

  start_anew();

  EXPECT_THAT(read(15), IsPiece("before\nafter\n", 15, 28));
  ASSERT_TRUE(*log_.rotate(4));
  append("last\n");
  EXPECT_THAT(read(22), IsPiece("after\nlast\n", 22, 33));
  start_anew();
  EXPECT_THAT(read(22), IsPiece("after\nlast\n", 22, 33));
}

TEST_P(CutRotationTest, IsFinishedAlthoughTheLogGrewAgainMeanwhile) {
  append("before\n");
  rotate_and_die();
  append("0123456789\n");

  start_anew();

  EXPECT_THAT(read(0), IsPiece("before\n0123456789\n", 0, 18));
}

const char* name_of(const ::testing::TestParamInfo<Cut>& row) {
  switch (row.param) {
    case Cut::Copied:
      return "Copied";
    case Cut::Recorded:
      return "Recorded";
    case Cut::Renamed:
      return "Renamed";
    case Cut::Emptied:
      return "Emptied";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Rotation, CutRotationTest,
                         ::testing::Values(Cut::Copied, Cut::Recorded, Cut::Renamed, Cut::Emptied),
                         name_of);

TEST(LastLines, SkipsEmptyOnesAndStopsAtTheNumber) {
  EXPECT_THAT(last_lines("a\n\nb\nc\n", 2), ElementsAre("b", "c"));
  EXPECT_THAT(last_lines("a\n\nb", 9), ElementsAre("a", "b"));
  EXPECT_THAT(last_lines("", 9), IsEmpty());
  EXPECT_THAT(last_lines("\n\n", 9), IsEmpty());
}

}  // namespace
}  // namespace pixell::engine
