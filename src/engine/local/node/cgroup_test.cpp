#include "engine/local/node/cgroup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/files.hpp"
#include "engine/local/testing/running_node.hpp"

// Detection and limits against directories that look like a hierarchy; isolation_test.cpp uses the
// machine's own.
namespace pixell::engine::node {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ScratchState;

namespace fs = std::filesystem;

namespace {

class CgroupTest : public ::testing::Test {
 protected:
  // A control file as the kernel would show it.
  void put(const fs::path& path, const std::string& content = "") {
    fs::create_directories((root_.path() / path).parent_path());
    std::ofstream(root_.path() / path) << content;
  }
  std::string get(const fs::path& path) { return read_file(root_.path() / path).value_or("?"); }

  ScratchState root_;
};

TEST_F(CgroupTest, NamesEachLimitThatIsMissing) {
  const Cgroups groups = Cgroups::detect("mark", root_.path());

  EXPECT_FALSE(groups.limits_memory());
  EXPECT_THAT(groups.notes(),
              ElementsAre(HasSubstr("memory"), HasSubstr("processes"), HasSubstr("CPU")));
}

TEST_F(CgroupTest, AsksForNothingOnAMachineWithoutGroups) {
  const Cgroups groups = Cgroups::detect("mark", root_.path());

  const auto group = groups.create("one", {});

  ASSERT_TRUE(group);
  EXPECT_FALSE(group->exists());
  EXPECT_THAT(*group->open_procs(), IsEmpty());
  EXPECT_TRUE(group->remove());
}

TEST_F(CgroupTest, CountsWhatAllInsideUse) {
  put("cgroup.controllers", "cpu memory pids\n");
  put("cgroup.subtree_control");
  put("pixell-mark/cgroup.subtree_control");
  put("pixell-mark/one/cgroup.controllers");
  put("pixell-mark/one/memory.current", "5000\n");
  put("pixell-mark/one/memory.stat", "anon 1\ninactive_file 1200\n");
  put("pixell-mark/one/pids.current", "9\n");
  put("pixell-mark/one/cpu.stat", "usage_usec 1500000\nuser_usec 1\n");

  const Cgroup::Usage usage = Cgroups::detect("mark", root_.path()).find("one").usage();

  EXPECT_EQ(usage.memory_bytes, 3800);
  EXPECT_EQ(usage.threads, 9);
  EXPECT_EQ(usage.cpu_seconds, 1.5);
}

TEST_F(CgroupTest, CountsByVersion1AllButTheProcessorsTime) {
  for (const char* controller : {"memory", "pids", "cpu"})
    put(fs::path(controller) / "cgroup.procs");
  put("memory/pixell-mark/one/memory.usage_in_bytes", "5000\n");
  put("memory/pixell-mark/one/memory.stat", "inactive_file 7\ntotal_inactive_file 1200\n");
  put("pids/pixell-mark/one/pids.current", "9\n");
  put("cpu/pixell-mark/one/cpu.shares", "2\n");

  const Cgroup::Usage usage = Cgroups::detect("mark", root_.path()).find("one").usage();

  EXPECT_EQ(usage.memory_bytes, 3800);
  EXPECT_EQ(usage.threads, 9);
  EXPECT_FALSE(usage.cpu_seconds);
}

TEST_F(CgroupTest, SetsACeilingForTheCpuOnlyWhenAsked) {
  put("cpu/cgroup.procs");
  put("cpu/pixell-mark/one/cpu.shares");
  put("cpu/pixell-mark/one/cpu.cfs_period_us");
  put("cpu/pixell-mark/one/cpu.cfs_quota_us");
  const Cgroups groups = Cgroups::detect("mark", root_.path());

  ASSERT_TRUE(groups.create("one", {}));
  EXPECT_EQ(get("cpu/pixell-mark/one/cpu.cfs_quota_us"), "");
  ASSERT_TRUE(groups.create("one", {.cpu_milli = 1500}));

  EXPECT_EQ(get("cpu/pixell-mark/one/cpu.cfs_period_us"), "100000");
  EXPECT_EQ(get("cpu/pixell-mark/one/cpu.cfs_quota_us"), "150000");
}

TEST_F(CgroupTest, SetsTheLimitsOfVersion1) {
  for (const char* controller : {"memory", "pids", "cpu"})
    put(fs::path(controller) / "cgroup.procs");
  const Cgroups groups = Cgroups::detect("mark", root_.path());
  put("memory/pixell-mark/one/memory.limit_in_bytes");
  put("memory/pixell-mark/one/memory.memsw.limit_in_bytes");
  put("pids/pixell-mark/one/pids.max");
  put("cpu/pixell-mark/one/cpu.shares");

  const auto group = groups.create("one", {.memory_mb = 64, .cpu_units = 256, .max_pids = 20});

  ASSERT_TRUE(group) << group.error().message;
  EXPECT_THAT(groups.notes(), IsEmpty());
  EXPECT_EQ(get("memory/pixell-mark/one/memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(get("memory/pixell-mark/one/memory.memsw.limit_in_bytes"), "67108864");
  EXPECT_EQ(get("pids/pixell-mark/one/pids.max"), "20");
  EXPECT_EQ(get("cpu/pixell-mark/one/cpu.shares"), "256");
}

TEST_F(CgroupTest, SetsTheLimitsOfVersion2) {
  put("cgroup.controllers", "cpuset cpu io memory pids\n");
  put("cgroup.subtree_control");
  put("pixell-mark/cgroup.subtree_control");
  const Cgroups groups = Cgroups::detect("mark", root_.path());
  put("pixell-mark/one/memory.max");
  put("pixell-mark/one/memory.swap.max");
  put("pixell-mark/one/pids.max");
  put("pixell-mark/one/cpu.weight");

  const auto group = groups.create("one", {.memory_mb = 64, .cpu_units = 512, .max_pids = 20});

  ASSERT_TRUE(group) << group.error().message;
  EXPECT_EQ(get("cgroup.subtree_control"), "+memory +pids +cpu");
  EXPECT_EQ(get("pixell-mark/one/memory.max"), "67108864");
  EXPECT_EQ(get("pixell-mark/one/memory.swap.max"), "0");
  EXPECT_EQ(get("pixell-mark/one/pids.max"), "20");
  EXPECT_EQ(get("pixell-mark/one/cpu.weight"), "50");
}

TEST_F(CgroupTest, SetsNoLimitThatIsZero) {
  put("memory/cgroup.procs");
  const Cgroups groups = Cgroups::detect("mark", root_.path());
  put("memory/pixell-mark/one/memory.limit_in_bytes", "max");

  ASSERT_TRUE(groups.create("one", {.memory_mb = 0, .cpu_units = 0, .max_pids = 0}));

  EXPECT_EQ(get("memory/pixell-mark/one/memory.limit_in_bytes"), "max");
}

TEST_F(CgroupTest, CountsWhatTheKernelEndedInBothVersions) {
  put("memory/cgroup.procs");
  const Cgroups groups = Cgroups::detect("mark", root_.path());
  put("memory/pixell-mark/one/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  EXPECT_EQ(groups.find("one").oom_kills(), 3);

  put("memory/pixell-mark/two/memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 0\n");
  EXPECT_EQ(groups.find("two").oom_kills(), 1);
}

TEST_F(CgroupTest, ListsTheGroupsOfTheInstallationOnly) {
  put("memory/cgroup.procs");
  put("pids/cgroup.procs");
  const Cgroups groups = Cgroups::detect("mark", root_.path());
  put("memory/pixell-mark/one/cgroup.procs");
  put("pids/pixell-mark/two/cgroup.procs");
  put("memory/pixell-other/three/cgroup.procs");

  EXPECT_THAT(groups.list(), ElementsAre("one", "two"));
  EXPECT_FALSE(groups.find("three").exists());
}

}  // namespace
}  // namespace pixell::engine::node
