#include "par/worker/control_group.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.hpp"
#include "base/testing/temp_directory.hpp"

namespace pixell::par {
namespace {

namespace fs = std::filesystem;

/// A root directory with files of our choice in it.
class FakeRoot {
 public:
  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(this->path() + path).parent_path());
    EXPECT_TRUE(write_file_atomically(this->path() + path, text));
  }
  const std::string& path() const { return directory_.path().native(); }

 private:
  TempDirectory directory_;
};

TEST(ControlGroup, ReadsLimitsOfVersion2AndTakesTheSmallestOnTheWay) {
  FakeRoot root;
  root.write("/proc/self/cgroup", "0::/pixell/one\n");
  root.write("/sys/fs/cgroup/pixell/one/memory.max", "max\n");
  root.write("/sys/fs/cgroup/pixell/memory.max", "1048576\n");
  root.write("/sys/fs/cgroup/pixell/one/cpu.max", "150000 100000\n");
  root.write("/sys/fs/cgroup/pixell/cpu.max", "max 100000\n");
  root.write("/sys/fs/cgroup/pixell/one/pids.max", "64\n");

  const auto limits = read_group_limits(root.path());

  EXPECT_EQ(limits.memory_bytes, 1048576);
  EXPECT_EQ(limits.cpus, 1.5);
  EXPECT_EQ(limits.processes, 64);
}

TEST(ControlGroup, ReadsLimitsOfVersion1FromAContainerWhoseMountIsItsGroup) {
  FakeRoot root;
  root.write("/proc/self/cgroup", "4:memory:/docker/x\n3:cpu:/docker/x\n2:pids:/docker/x\n");
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "33554432\n");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  root.write("/sys/fs/cgroup/pids/pids.max", "max\n");

  const auto limits = read_group_limits(root.path());

  EXPECT_EQ(limits.memory_bytes, 33554432);
  EXPECT_EQ(limits.cpus, 0.5);
  EXPECT_EQ(limits.processes, std::nullopt);
}

TEST(ControlGroup, SaysNothingWhereNothingIsLimited) {
  FakeRoot root;
  root.write("/proc/self/cgroup", "4:memory:/\n3:cpu:/\n");
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");

  const auto limits = read_group_limits(root.path());

  EXPECT_FALSE(limits.memory_bytes || limits.cpus || limits.processes);
  const FakeRoot empty;
  EXPECT_FALSE(read_group_limits(empty.path()).memory_bytes);
}

}  // namespace
}  // namespace pixell::par
