#include "base/process_usage.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace pixell {
namespace {

TEST(ProcessUsage, ReadsAStatLineWhateverTheName) {
  const auto usage = parse_process_stat(
      "42 (a) 1 (b) S 1 42 42 0 -1 4194304 100 200 3 4 250 50 0 0 20 0 7 0 100 123456 300 "
      "18446744073709551615 1 1 0\n",
      100, 4096);

  ASSERT_TRUE(usage);
  EXPECT_DOUBLE_EQ(usage->cpu_seconds, 3.0);
  EXPECT_EQ(usage->threads, 7U);
  EXPECT_EQ(usage->resident_bytes, 300U * 4096);
}

TEST(ProcessUsage, RefusesOtherTexts) {
  EXPECT_FALSE(parse_process_stat("", 100, 4096));
  EXPECT_FALSE(parse_process_stat("42 (a", 100, 4096));
  EXPECT_FALSE(parse_process_stat("42 (a) S 1 2", 100, 4096));
}

TEST(ProcessUsage, SeesThisProcess) {
  const auto usage = read_process_usage(::getpid());

  ASSERT_TRUE(usage);
  EXPECT_GT(usage->resident_bytes, 1'000'000U);
  EXPECT_GE(usage->threads, 1U);
  EXPECT_GE(usage->open_fds.value_or(0), 3U);
}

TEST(ProcessUsage, AddsSeveral) {
  const auto one = read_process_usage(::getpid());
  const auto two = read_process_usage({::getpid(), ::getpid(), 999'999'999});

  ASSERT_TRUE(two);
  EXPECT_EQ(two->threads, 2 * one->threads);
  EXPECT_EQ(two->open_fds, 2 * *one->open_fds);
  EXPECT_FALSE(read_process_usage(std::vector<pid_t>{}));
}

TEST(ProcessUsage, SeesNobody) {
  EXPECT_FALSE(read_process_usage(0));
  EXPECT_FALSE(read_process_usage(999'999'999));
}

}  // namespace
}  // namespace pixell
