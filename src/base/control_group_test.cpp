#include "base/control_group.hpp"

#include <gtest/gtest.h>

namespace pixell {
namespace {

std::string first_of(std::string_view cgroups, std::string_view controller) {
  const auto all = group_directories(cgroups, controller);
  return all.empty() ? "" : all.front().path;
}

TEST(ControlGroup, IsFoundInBothVersions) {
  EXPECT_EQ(first_of("0::/agents/a\n", "memory"), "/sys/fs/cgroup/agents/a");
  EXPECT_EQ(first_of("8:pids:/\n4:memory:/agents/a\n0::/\n", "memory"),
            "/sys/fs/cgroup/memory/agents/a");
  EXPECT_EQ(first_of("3:cpu,cpuacct:/x\n", "cpu"), "/sys/fs/cgroup/cpu,cpuacct/x");
  EXPECT_EQ(first_of("8:pids:/x\n", "memory"), "");
  EXPECT_EQ(first_of("nonsense", "memory"), "");
}

TEST(ControlGroup, ListsItsParentsUpToTheMount) {
  const auto all = group_directories("0::/a/b\n", "memory");

  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1].path, "/sys/fs/cgroup/a");
  EXPECT_EQ(all[2].path, "/sys/fs/cgroup");
  EXPECT_TRUE(all[0].is_v2);
}

TEST(ControlGroup, CountsKillsForWantOfMemory) {
  EXPECT_EQ(parse_oom_kills("low 0\noom 3\noom_kill 2\n"), 2);
  EXPECT_EQ(parse_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 5"), 5);
  EXPECT_EQ(parse_oom_kills("oom_kill_disable 0\n"), std::nullopt);
  EXPECT_EQ(parse_oom_kills("oom_kill x\n"), std::nullopt);
}

}  // namespace
}  // namespace pixell
