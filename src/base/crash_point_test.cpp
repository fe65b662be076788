#include "base/crash_point.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/testing/temp_directory.hpp"

namespace pixell {
namespace {

namespace fs = std::filesystem;
using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

// Each case runs in a child of its own, for the variable is read once in a process's life.
class CrashPointTest : public ::testing::Test {
 protected:
  void SetUp() override { marker_ = directory_ / "marker"; }

  // Never returns.
  static void reach(const std::string& wanted, const char* name) {
    if (::setenv(kCrashPointVariable, wanted.c_str(), 1) != 0) ::_exit(9);
    crash_point(name);
    ::_exit(7);
  }

  TempDirectory directory_;
  fs::path marker_;
};

TEST_F(CrashPointTest, EndsTheProcessAtTheNamedPointAndLeavesItsMarker) {
  EXPECT_EXIT(reach("node.stop.asked@" + marker_.string(), "node.stop.asked"),
              KilledBySignal(SIGKILL), "");

  EXPECT_TRUE(fs::exists(marker_));
}

TEST_F(CrashPointTest, RunsOnOnceTheMarkerExists) {
  EXPECT_EXIT(reach("a.b.c@" + marker_.string(), "a.b.c"), KilledBySignal(SIGKILL), "");

  EXPECT_EXIT(reach("a.b.c@" + marker_.string(), "a.b.c"), ExitedWithCode(7), "");
}

TEST_F(CrashPointTest, PassesPointsOfOtherNames) {
  for (const char* name : {"a.b", "a.b.cc", "b.c", ""})
    EXPECT_EXIT(reach("a.b.c@" + marker_.string(), name), ExitedWithCode(7), "");

  EXPECT_FALSE(fs::exists(marker_));
}

TEST_F(CrashPointTest, RunsOnWhenTheMarkerCannotBeMade) {
  const std::string nowhere = (directory_ / "absent" / "marker").string();

  EXPECT_EXIT(reach("a.b.c@" + nowhere, "a.b.c"), ExitedWithCode(7), "");
}

TEST_F(CrashPointTest, HasNoEffectWithAVariableThatIsNotNameAndMarker) {
  for (const char* wanted : {"", "a.b.c", "a.b.c@", "@/tmp/marker"})
    EXPECT_EXIT(reach(wanted, "a.b.c"), ExitedWithCode(7), "") << wanted;
}

TEST_F(CrashPointTest, HasNoEffectWithoutTheVariable) {
  const auto reach_without = [] {
    ::unsetenv(kCrashPointVariable);
    crash_point("a.b.c");
    ::_exit(7);
  };

  EXPECT_EXIT(reach_without(), ExitedWithCode(7), "");
}

TEST_F(CrashPointTest, TakesAMarkerPathWithAnAtSign) {
  const fs::path marker = directory_ / "a@b";

  EXPECT_EXIT(reach("a.b.c@" + marker.string(), "a.b.c"), KilledBySignal(SIGKILL), "");

  EXPECT_TRUE(fs::exists(marker));
}

}  // namespace
}  // namespace pixell
