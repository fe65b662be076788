#include "store/sqlite/group_sync.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/ids.hpp"

namespace pixell::store {
namespace {

using ::testing::HasSubstr;

TEST(GroupSync, CoversWhatWasWrittenBeforeTheCall) {
  std::atomic<std::uint64_t> written = 0;
  std::atomic<std::uint64_t> durable = 0;
  GroupSync sync([&]() -> Result<void> {
    durable = written.load();
    return {};
  });

  std::vector<std::jthread> writers;
  for (int i = 0; i < 8; ++i)
    writers.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        const std::uint64_t mine = ++written;
        EXPECT_TRUE(sync.wait());
        EXPECT_GE(durable.load(), mine);
      }
    });
  writers.clear();

  EXPECT_EQ(durable, 1'600u);
}

TEST(GroupSync, RunsOneSyncAtATime) {
  std::atomic<int> running = 0;
  GroupSync sync([&]() -> Result<void> {
    EXPECT_EQ(++running, 1);
    --running;
    return {};
  });

  std::vector<std::jthread> writers;
  for (int i = 0; i < 8; ++i)
    writers.emplace_back([&] {
      for (int n = 0; n < 200; ++n) EXPECT_TRUE(sync.wait());
    });
}

TEST(GroupSync, TellsEveryCallerOfAFailure) {
  bool is_failing = true;
  GroupSync sync([&]() -> Result<void> {
    if (is_failing) return make_error(ErrorCode::Unavailable, "disk");
    return {};
  });

  EXPECT_EQ(sync.wait().error().message, "disk");
  is_failing = false;
  EXPECT_TRUE(sync.wait());
}

TEST(LogFile, NoticesThatItWasRemoved) {
  const auto database = std::filesystem::temp_directory_path() / ("log-" + new_ulid(0));
  const std::string path = database.string() + "-wal";
  std::ofstream(path) << "frames";
  const auto log = LogFile::open(database);
  ASSERT_TRUE(log);
  EXPECT_TRUE(log->sync());

  std::filesystem::remove(path);

  const auto lost = log->sync();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::DataLoss);
  EXPECT_THAT(lost.error().message, HasSubstr(path));
  EXPECT_FALSE(LogFile::open(database));
}

}  // namespace
}  // namespace pixell::store
