#include "par/boot/boot_report_file.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/testing/temp_directory.hpp"

namespace pixell::par {
namespace {

namespace fs = std::filesystem;

class BootReportFileTest : public testing::Test {
 protected:
  nlohmann::json read(const char* name) const {
    return nlohmann::json::parse(read_file(directory_ / name).value());
  }

  TempDirectory directory_;
};

TEST_F(BootReportFileTest, WritesTheState) {
  BootReportFile files(directory_.path());

  ASSERT_TRUE(files.write_state(Phase::Fetch, false, 1234, 2));

  EXPECT_EQ(read("state.json"),
            (nlohmann::json{{"phase", "fetch"}, {"ready", false}, {"at", 1234}, {"restarts", 2}}));
}

TEST_F(BootReportFileTest, WritesTheExitWithItsCause) {
  BootReportFile files(directory_.path());
  const auto failure = model::make_failure(model::Cause::MissingModule, "no module named x");

  ASSERT_TRUE(files.write_exit(13, failure, 99));

  EXPECT_EQ(read("exit.json")["code"], 13);
  EXPECT_EQ(read("exit.json")["signal"], 0);
  EXPECT_EQ(read("exit.json")["failure"]["cause"], "missing_module");
  ASSERT_TRUE(files.write_exit(0, std::nullopt, 100));
  EXPECT_FALSE(read("exit.json").contains("failure"));
}

TEST_F(BootReportFileTest, KeepsEvidenceThatIsNotUtf8) {
  BootReportFile files(directory_.path());
  model::BootReport report;
  report.failure = model::make_failure(model::Cause::Exited, "ended", {"bad \xff byte"});

  ASSERT_TRUE(files.write_report(report));

  EXPECT_EQ(read("boot_report.json")["failure"]["evidence"][0], "bad \xEF\xBF\xBD byte");
}

TEST_F(BootReportFileTest, CountsCrashesAcrossLives) {
  EXPECT_EQ(BootReportFile(directory_.path()).crash_count(), 0);
  ASSERT_TRUE(BootReportFile(directory_.path()).set_crash_count(3));
  EXPECT_EQ(BootReportFile(directory_.path()).crash_count(), 3);
  ASSERT_TRUE(BootReportFile(directory_.path()).set_crash_count(0));
  EXPECT_EQ(BootReportFile(directory_.path()).crash_count(), 0);
  ASSERT_TRUE(BootReportFile(directory_.path()).set_crash_count(0));  // nothing to remove is fine
}

TEST(BootReportFileOff, DoesNothingWithoutADirectory) {
  BootReportFile files{{}};

  EXPECT_TRUE(files.write_state(Phase::Ready, true, 1));
  EXPECT_TRUE(files.set_crash_count(5));
  EXPECT_EQ(files.crash_count(), 0);
}

TEST(CrashBackoff, DoublesUpToAMinuteAndSparesConfigurationErrors) {
  EXPECT_EQ(crash_backoff_seconds(0, model::Cause::Exited), 0);
  EXPECT_EQ(crash_backoff_seconds(1, model::Cause::Exited), 2);
  EXPECT_EQ(crash_backoff_seconds(5, model::Cause::Exited), 32);
  EXPECT_EQ(crash_backoff_seconds(6, model::Cause::Exited), 60);
  EXPECT_EQ(crash_backoff_seconds(1000, model::Cause::DownloadFailed), 60);
  EXPECT_EQ(crash_backoff_seconds(5, model::Cause::ConfigInvalid), 0);
  EXPECT_EQ(crash_backoff_seconds(5, model::Cause::PortNotBound), 0);
}

}  // namespace
}  // namespace pixell::par
