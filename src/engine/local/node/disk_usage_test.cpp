#include "engine/local/node/disk_usage.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/local/testing/running_node.hpp"

namespace pixell::engine::node {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::ScratchState;

constexpr std::int64_t kMib = 1024 * 1024;

class DiskUsageTest : public ::testing::Test {
 protected:
  void write(const fs::path& path, std::int64_t bytes) {
    ASSERT_TRUE(write_file_atomically(path, std::string(std::size_t(bytes), 'x')));
  }
  DiskUsage measure(std::int64_t max_bytes = 100 * kMib) {
    return measure_disk({.directories = {own_}, .shared = {}, .user = {}, .processes = {}},
                        max_bytes);
  }

  ScratchState scratch_;
  fs::path own_ = scratch_.path();
};

TEST_F(DiskUsageTest, AddsUpWhatIsBelow) {
  fs::create_directories(own_ / "a/b");
  write(own_ / "one", kMib);
  write(own_ / "a/b/two", 2 * kMib);

  const DiskUsage usage = measure();

  EXPECT_EQ(usage.excess, "");
  EXPECT_GE(usage.bytes, 3 * kMib);
  EXPECT_LT(usage.bytes, 4 * kMib);
  EXPECT_EQ(usage.files, 4);
}

TEST_F(DiskUsageTest, CountsAFileWithTwoNamesOnceAndAHoleNotAtAll) {
  write(own_ / "one", kMib);
  fs::create_hard_link(own_ / "one", own_ / "again");
  write(own_ / "sparse", 1);
  ASSERT_EQ(::truncate((own_ / "sparse").c_str(), 50 * kMib), 0);

  EXPECT_LT(measure().bytes, 2 * kMib);
}

TEST_F(DiskUsageTest, FollowsNoLink) {
  const ScratchState elsewhere;
  write(elsewhere.path() / "big", 5 * kMib);
  fs::create_directory_symlink(elsewhere.path(), own_ / "link");

  EXPECT_LT(measure().bytes, kMib);
}

TEST_F(DiskUsageTest, SaysWhatIsTooMuch) {
  write(own_ / "big", 3 * kMib);

  EXPECT_THAT(measure(2 * kMib).excess, HasSubstr("more than 2 MiB"));
  EXPECT_EQ(measure(4 * kMib).excess, "");
}

TEST_F(DiskUsageTest, RefusesToFollowADirectoryForEver) {
  fs::path deep = own_;
  for (std::size_t depth = 0; depth < kMaxAgentDepth; ++depth) deep /= "d";
  fs::create_directories(deep);

  EXPECT_THAT(measure().excess, HasSubstr("nested"));
}

TEST_F(DiskUsageTest, FindsFilesThatHaveNoNameAnyMore) {
  write(own_ / "hidden", 3 * kMib);
  const UniqueFd open(::open((own_ / "hidden").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(open);
  ASSERT_EQ(::unlink((own_ / "hidden").c_str()), 0);

  const DiskUsage without = measure(2 * kMib);
  const DiskUsage with = measure_disk(
      {.directories = {own_}, .shared = {}, .user = {}, .processes = {::getpid()}}, 2 * kMib);

  EXPECT_EQ(without.excess, "");
  EXPECT_THAT(with.excess, HasSubstr("more than 2 MiB"));
}

TEST_F(DiskUsageTest, CountsTheAgentsOwnFilesInSharedDirectories) {
  const ScratchState shared;
  write(shared.path() / "mine", 3 * kMib);
  const DiskPlaces places{
      .directories = {own_}, .shared = {shared.path()}, .user = ::geteuid(), .processes = {}};
  DiskPlaces of_another = places;
  of_another.user = ::geteuid() + 1;

  EXPECT_THAT(measure_disk(places, 2 * kMib).excess, HasSubstr("more than 2 MiB"));
  EXPECT_EQ(measure_disk(of_another, 2 * kMib).excess, "");
}

TEST_F(DiskUsageTest, WhatIsNotThereIsNothing) {
  EXPECT_EQ(
      measure_disk(
          {.directories = {own_ / "absent"}, .shared = {}, .user = {}, .processes = {999'999'999}},
          1)
          .files,
      0);
}

}  // namespace
}  // namespace pixell::engine::node
