#include "engine/local/node/instance_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "engine/local/testing/running_node.hpp"

namespace pixell::engine::node {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ScratchState;

namespace {

class InstanceLogTest : public ::testing::Test {
 protected:
  void append(const std::string& text) {
    if (!writer_) {
      auto opened = open_log(path_);
      ASSERT_TRUE(opened);
      writer_ = std::move(*opened);
    }
    ASSERT_TRUE(write_all(writer_.get(), text));
  }

  ScratchState scratch_;
  std::filesystem::path path_ = scratch_.path() / "par.log";
  UniqueFd writer_;
};

TEST_F(InstanceLogTest, LeavesASmallLogAlone) {
  append("one\n");

  EXPECT_FALSE(*rotate_log(path_, 100));
  EXPECT_EQ(*log_tail(path_, 100), "one\n");
}

TEST_F(InstanceLogTest, MovesALargeLogAsideWhileItsWriterGoesOn) {
  append("old old old\n");
  ASSERT_TRUE(*rotate_log(path_, 8));

  append("new\n");

  EXPECT_EQ(*read_file(path_), "new\n");
  EXPECT_EQ(*read_file(path_.string() + ".1"), "old old old\n");
}

TEST_F(InstanceLogTest, KeepsOnlyTheEndOfALogThatGrewFarOverTheLimit) {
  append(std::string(100, 'a') + "0123456789abcdef");

  ASSERT_TRUE(rotate_log(path_, 8));

  EXPECT_EQ(*read_file(path_.string() + ".1"), "0123456789abcdef");
}

TEST_F(InstanceLogTest, ReachesBackIntoTheOlderFile) {
  append("first\n");
  ASSERT_TRUE(rotate_log(path_, 5));
  append("second\n");

  EXPECT_EQ(*log_tail(path_, 100), "first\nsecond\n");
  EXPECT_EQ(*log_tail(path_, 9), "t\nsecond\n");
  EXPECT_EQ(*log_tail(path_, 3), "nd\n");
}

TEST_F(InstanceLogTest, IsEmptyWhenThereIsNoLog) {
  EXPECT_EQ(*log_tail(path_, 100), "");
  EXPECT_FALSE(*rotate_log(path_, 100));
}

TEST_F(InstanceLogTest, DoesNotFollowALink) {
  std::filesystem::create_symlink("/etc/passwd", path_);

  EXPECT_FALSE(log_tail(path_, 100));
  EXPECT_FALSE(rotate_log(path_, 1));
  EXPECT_FALSE(open_log(path_));
}

TEST(LastLines, SkipsEmptyOnesAndStopsAtTheNumber) {
  EXPECT_THAT(last_lines("a\n\nb\nc\n", 2), ElementsAre("b", "c"));
  EXPECT_THAT(last_lines("a\n\nb", 9), ElementsAre("a", "b"));
  EXPECT_THAT(last_lines("", 9), IsEmpty());
  EXPECT_THAT(last_lines("\n\n", 9), IsEmpty());
}

}  // namespace
}  // namespace pixell::engine::node
