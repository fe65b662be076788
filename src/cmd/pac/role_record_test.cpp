#include "cmd/pac/role_record.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/files.hpp"
#include "cmd/pac/testing/api_server.hpp"

namespace pixell::cmd {
namespace {

class RoleRecordTest : public ::testing::Test {
 protected:
  std::filesystem::path record(pid_t pid) const {
    return role_records(directory_.path()) / std::to_string(pid);
  }
  TempDirectory directory_;
};

TEST_F(RoleRecordTest, FindsWhatRuns) {
  ASSERT_TRUE(record_role(directory_.path(), "edge"));

  const auto found = running_roles(directory_.path());

  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].role, "edge");
  EXPECT_EQ(found[0].identity, *identify_process(::getpid()));
}

TEST_F(RoleRecordTest, ForgetsAProcessTogetherWithItsSocket) {
  ASSERT_TRUE(record_role(directory_.path(), "edge"));
  std::ofstream(handover_socket(directory_.path(), ::getpid())) << "";

  forget_role(directory_.path(), ::getpid());

  EXPECT_TRUE(running_roles(directory_.path()).empty());
  EXPECT_TRUE(std::filesystem::is_empty(role_records(directory_.path())));
}

TEST_F(RoleRecordTest, RemovesRecordsOfOthersThatGotThePid) {
  ASSERT_TRUE(record_role(directory_.path(), "node"));
  const auto self = *identify_process(::getpid());
  std::ofstream(record(self.pid)) << "node " << self.start_time + 1 << " " << self.boot_id << "\n";
  std::ofstream(record(999'999'999)) << "edge 1 " << self.boot_id << "\n";
  std::ofstream(record(::getppid())) << "torn";

  EXPECT_TRUE(running_roles(directory_.path()).empty());
  EXPECT_TRUE(std::filesystem::is_empty(role_records(directory_.path())));
}

TEST_F(RoleRecordTest, RefusesToGoOnWhileSomethingRuns) {
  EXPECT_TRUE(refuse_running_roles(directory_.path()));
  ASSERT_TRUE(record_role(directory_.path(), "control"));

  const auto refused = refuse_running_roles(directory_.path());

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AlreadyExists);
  EXPECT_NE(refused.error().message.find("the control (pid " + std::to_string(::getpid())),
            std::string::npos);
  EXPECT_NE(refused.error().message.find("`pac stop --state"), std::string::npos);
}

TEST_F(RoleRecordTest, IsEmptyWithoutADirectory) {
  EXPECT_TRUE(running_roles(directory_ / "none").empty());
}

}  // namespace
}  // namespace pixell::cmd
