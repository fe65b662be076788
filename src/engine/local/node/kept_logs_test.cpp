#include "engine/local/node/kept_logs.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/local/node/limits.hpp"
#include "engine/local/testing/running_node.hpp"

namespace pixell::engine::node {
namespace {

namespace fs = std::filesystem;
constexpr UnixMillis kNow = 1'700'000'000'000;

class KeptLogsTest : public ::testing::Test {
 protected:
  KeptLogsTest() { EXPECT_TRUE(logs_.open(kNow)); }
  std::size_t files() const {
    return std::size_t(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }
  bool has(const std::string& id) const { return logs_.read(id, {}).has_value(); }
  void start_anew(UnixMillis now) {
    logs_ = KeptLogs(directory_);
    ASSERT_TRUE(logs_.open(now));
  }

  testing::ScratchState scratch_;
  fs::path directory_ = scratch_.path() / "ended_logs";
  KeptLogs logs_{directory_};
};

TEST_F(KeptLogsTest, ReadsWhatWasKeptAtItsPositions) {
  ASSERT_TRUE(logs_.keep("i1", {.text = "one\ntwo\n", .from = 50, .next = 58}, kNow));

  const auto piece = logs_.read("i1", {.from = 54});

  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->text, "two\n");
  EXPECT_EQ(piece->from, 54);
  EXPECT_EQ(piece->next, 58);
}

TEST_F(KeptLogsTest, KnowsNothingOfOthers) {
  EXPECT_EQ(logs_.read("i1", {}).error().code, ErrorCode::NotFound);
}

TEST_F(KeptLogsTest, FindsThemAgainAfterARestart) {
  ASSERT_TRUE(logs_.keep("i1", {.text = "one\n", .from = 50, .next = 54}, kNow));

  start_anew(kNow);

  ASSERT_TRUE(has("i1"));
  EXPECT_EQ(logs_.read("i1", {})->from, 50);
}

TEST_F(KeptLogsTest, KeepsOneLogForAnId) {
  ASSERT_TRUE(logs_.keep("i1", {.text = "one\n"}, kNow));
  ASSERT_TRUE(logs_.keep("i1", {.text = "two\n"}, kNow + 1));

  EXPECT_EQ(logs_.read("i1", {})->text, "two\n");
  EXPECT_EQ(files(), 1u);
}

TEST_F(KeptLogsTest, DropsTheOldestBeyondTheirNumber) {
  for (int i = 0; i <= int(kMaxKeptLogs); ++i)
    ASSERT_TRUE(logs_.keep(fmt::format("i{}", i), {.text = "x\n"}, kNow + i));

  EXPECT_EQ(files(), kMaxKeptLogs);
  EXPECT_FALSE(has("i0"));
  EXPECT_TRUE(has("i1"));
}

TEST_F(KeptLogsTest, DropsThemWhenTheirTimeIsOver) {
  ASSERT_TRUE(logs_.keep("i1", {.text = "x\n"}, kNow));
  ASSERT_TRUE(logs_.keep("i2", {.text = "x\n"}, kNow + 1));

  start_anew(kNow + kKeptLogLife.count() + 1);

  EXPECT_FALSE(has("i1"));
  EXPECT_TRUE(has("i2"));
  EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace pixell::engine::node
