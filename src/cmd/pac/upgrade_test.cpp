#include "cmd/pac/upgrade.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/files.hpp"
#include "cmd/pac/running_serve.hpp"
#include "cmd/pac/testing/api_server.hpp"

namespace pixell::cmd {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class UpgradeTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(make_directories(run_)); }
  fs::path script(const std::string& text) {
    const fs::path file = directory_ / "program";
    EXPECT_TRUE(write_file_atomically(file, "#!/bin/sh\n" + text + "\n", 0700));
    return file;
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(run_ / name) << text;
  }

  TempDirectory directory_;
  fs::path run_ = directory_ / "run";
};

TEST_F(UpgradeTest, HandsItsRequestOver) {
  EXPECT_EQ(read_upgrade_request(run_).error().code, ErrorCode::NotFound);
  ASSERT_TRUE(write_upgrade_request(run_, {.id = "1", .program = "/p", .drain = Millis(7'000)}));

  const auto read = read_upgrade_request(run_);

  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, "1");
  EXPECT_EQ(read->program, "/p");
  EXPECT_EQ(read->drain, Millis(7'000));
}

TEST_F(UpgradeTest, RefusesARequestThatCannotBeRead) {
  for (const char* text : {"", "[]", "{}", R"({"id":"1","program":"/p","drain_ms":"long"})",
                           R"({"id":1,"program":"/p","drain_ms":1})"}) {
    write("upgrade_request.json", text);
    EXPECT_EQ(read_upgrade_request(run_).error().code, ErrorCode::DataLoss) << text;
  }
}

TEST_F(UpgradeTest, BoundsTheDrainOfARequest) {
  ASSERT_TRUE(write_upgrade_request(run_, {.id = "1", .program = {}, .drain = Millis(-1)}));
  EXPECT_EQ(read_upgrade_request(run_)->drain, Millis(0));
  ASSERT_TRUE(write_upgrade_request(run_, {.id = "1", .drain = kMaxUpgradeDrain + Millis(1)}));
  EXPECT_EQ(read_upgrade_request(run_)->drain, kMaxUpgradeDrain);
}

TEST_F(UpgradeTest, ReportsHowFarItGot) {
  using State = UpgradeReport::State;
  for (const State state : {State::Running, State::Done, State::Failed}) {
    ASSERT_TRUE(write_upgrade_report(run_, {.id = "1", .state = state, .error = "why"}));
    const auto read = read_upgrade_report(run_);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->state, state);
    EXPECT_EQ(read->error, "why");
  }
  write("upgrade.json", R"({"id":"1","state":"odd","error":""})");
  EXPECT_EQ(read_upgrade_report(run_).error().code, ErrorCode::DataLoss);
}

TEST_F(UpgradeTest, UsesAProgramThatTellsItsVersion) {
  EXPECT_TRUE(check_program(script("[ \"$1\" = --version ]")));
}

TEST_F(UpgradeTest, RefusesAProgramThatDoesNotWork) {
  const auto failing = check_program(script("exit 3"));
  const auto missing = check_program(directory_ / "none");

  ASSERT_FALSE(failing);
  EXPECT_EQ(failing.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(failing.error().message, HasSubstr("ended with code 3"));
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr((directory_ / "none").string()));
}

TEST_F(UpgradeTest, TakesNoHandoverThatIsNotThere) { EXPECT_FALSE(take_serve_handover().lock); }

TEST_F(UpgradeTest, TakesWhatItWasHandedAndForgetsIt) {
  const int lock = ::dup(1);
  const int socket = ::dup(1);
  const std::string value = std::to_string(lock) + "," + std::to_string(socket);
  ::setenv("PIXELL_SERVE_HANDOVER", value.c_str(), 1);

  const ServeHandover handover = take_serve_handover();

  EXPECT_EQ(handover.lock.get(), lock);
  ASSERT_EQ(handover.sockets.size(), 1U);
  EXPECT_EQ(handover.sockets[0].get(), socket);
  EXPECT_EQ(::getenv("PIXELL_SERVE_HANDOVER"), nullptr);
}

TEST_F(UpgradeTest, ComesBackFromAProgramThatCannotBeRun) {
  ASSERT_TRUE(make_directories(directory_ / "state"));
  const auto claim = claim_state_and_ports(directory_ / "state", {.plain = {"127.0.0.1:0"}});
  ASSERT_TRUE(claim) << claim.error().message;

  const Error failure = become_program(directory_ / "none", *claim);

  EXPECT_THAT(failure.message, HasSubstr((directory_ / "none").string()));
  EXPECT_EQ(::getenv("PIXELL_SERVE_HANDOVER"), nullptr);
}

TEST_F(UpgradeTest, IsToldThatNothingRuns) {
  const auto upgraded = upgrade_serve(directory_.path(), {.id = "1"}, Millis(0));
  const auto stopped = stop_serve(directory_.path(), Millis(0));

  ASSERT_FALSE(upgraded || stopped);
  EXPECT_EQ(upgraded.error().code, ErrorCode::NotFound);
  EXPECT_EQ(stopped.error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace pixell::cmd
