#include "par/worker/oom_count.hpp"

#include <gtest/gtest.h>

namespace pixell::par {
namespace {

TEST(OomCount, FindsTheFileOfEitherCgroupVersion) {
  EXPECT_EQ(oom_file_of("0::/pixell/a\n"), "/sys/fs/cgroup/pixell/a/memory.events");
  EXPECT_EQ(oom_file_of("12:cpu,cpuacct:/x\n9:memory:/docker/1\n0::/y\n"),
            "/sys/fs/cgroup/memory/docker/1/memory.oom_control");
  EXPECT_EQ(oom_file_of("nonsense\n"), "");
}

TEST(OomCount, ReadsTheCounter) {
  EXPECT_EQ(parse_oom_kills("low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\n"), 3);
  EXPECT_EQ(parse_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), 1);
  EXPECT_EQ(parse_oom_kills("oom_kill many\n"), std::nullopt);
  EXPECT_EQ(parse_oom_kills(""), std::nullopt);
}

}  // namespace
}  // namespace pixell::par
