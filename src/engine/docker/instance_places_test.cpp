#include "engine/docker/instance_places.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/testing/temp_directory.hpp"
#include "engine/docker/limits.hpp"

namespace pixell::engine::docker {
namespace {

namespace fs = std::filesystem;

class InstancePlacesTest : public ::testing::Test {
 protected:
  InstancePlacesTest() {
    EXPECT_TRUE(write_file_atomically(scratch_ / "agent.apkg", "zip", 0600));
    spec_.id = "01ID";
    spec_.app_id = "demo";
    spec_.package_path = (scratch_ / "agent.apkg").string();
    spec_.environment = {{"KEY", "s3cret"}};
  }

  InstancePlaces places() const {
    return InstancePlaces({.root = scratch_ / "docker",
                           .memory = scratch_ / "memory",
                           .user = ::geteuid(),
                           .environment = {}});
  }
  void write(const char* name, const std::string& content) const {
    ASSERT_TRUE(write_file_atomically(places().par_directory("01ID") / name, content));
  }

  TempDirectory scratch_;
  InstanceSpec spec_;
};

unsigned mode_of(const fs::path& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777U;
}

TEST_F(InstancePlacesTest, HasAFileInMemoryForTheContainerAlone) {
  const auto made = places().prepare(spec_);

  ASSERT_TRUE(made) << made.error().message;
  const fs::path file = made->secrets / "environment.json";
  EXPECT_EQ(*read_file(file), R"({"KEY":"s3cret"})");
  EXPECT_EQ(mode_of(file), 0400u);
  EXPECT_EQ(mode_of(made->secrets), 0500u);
  for (const fs::path& path : {made->instance, made->environments, made->state})
    EXPECT_EQ(mode_of(path), 0700u) << path;
  EXPECT_TRUE(fs::exists(made->package));
}

TEST_F(InstancePlacesTest, CanBePreparedAgainAndLeavesNothingOfTheRunBefore) {
  ASSERT_TRUE(places().prepare(spec_));
  ASSERT_TRUE(places().records("01ID").write_stop({.requested_at = 1, .deadline = 2}));
  spec_.environment["KEY"] = "new";

  const auto again = places().prepare(spec_);

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*read_file(again->secrets / "environment.json"), R"({"KEY":"new"})");
  EXPECT_FALSE(places().read_engine("01ID", Log()).stop);
}

TEST_F(InstancePlacesTest, ForgetsTheEnvironmentWhenTold) {
  const auto made = places().prepare(spec_);
  ASSERT_TRUE(made);

  places().remove_environment("01ID");

  EXPECT_FALSE(fs::exists(made->secrets / "environment.json"));
}

TEST_F(InstancePlacesTest, RemovesEverythingOfAnInstance) {
  ASSERT_TRUE(places().prepare(spec_));
  EXPECT_THAT(places().ids(), ::testing::Contains("01ID"));

  ASSERT_TRUE(places().remove("01ID"));
  ASSERT_TRUE(places().remove("01ID"));

  EXPECT_THAT(places().ids(), ::testing::IsEmpty());
  EXPECT_TRUE(fs::exists(scratch_ / "docker" / "apps" / "demo" / "state")) << "that is the app's";
}

TEST_F(InstancePlacesTest, ReadsWhatParWrote) {
  ASSERT_TRUE(places().prepare(spec_));
  write("state.json", R"({"phase":"ready","ready":true,"at":1,"restarts":3})");
  write("boot_report.json", R"({"ready":true,"total_ms":5,"phases":[]})");
  write("exit.json", R"({"code":13,"signal":0,"at":2})");

  const ParRecords read = places().read_par("01ID");

  ASSERT_TRUE(read.state && read.boot_report && read.exit);
  EXPECT_TRUE(read.state->ready);
  EXPECT_EQ(read.state->restarts, 3);
  EXPECT_EQ(read.exit->code, 13);
}

TEST_F(InstancePlacesTest, ReadsNothingThatAnAgentPutThereInstead) {
  ASSERT_TRUE(places().prepare(spec_));
  const fs::path directory = places().par_directory("01ID");
  ASSERT_TRUE(write_file_atomically(scratch_ / "other", R"({"phase":"ready","ready":true})"));
  fs::create_symlink(scratch_ / "other", directory / "state.json");
  ASSERT_EQ(::mkfifo((directory / "exit.json").c_str(), 0600), 0);
  write("boot_report.json", std::string(kMaxRecordBytes + 1, ' '));

  const ParRecords read = places().read_par("01ID");

  EXPECT_FALSE(read.state);
  EXPECT_FALSE(read.exit);
  EXPECT_FALSE(read.boot_report);
}

TEST_F(InstancePlacesTest, LeavesOutWhatItDoesNotUnderstand) {
  ASSERT_TRUE(places().prepare(spec_));
  for (const char* text : {"", "[]", "{}", R"({"phase":1,"code":"x","phases":7})"}) {
    for (const char* name : {"state.json", "boot_report.json", "exit.json"}) write(name, text);
    const ParRecords read = places().read_par("01ID");
    EXPECT_FALSE(read.state) << text;
    EXPECT_FALSE(read.exit) << text;
  }
}

TEST_F(InstancePlacesTest, RefusesAnEnvironmentOverItsLimit) {
  spec_.environment["BIG"] = std::string(kMaxEnvironmentBytes, 'x');

  EXPECT_EQ(places().prepare(spec_).error().code, ErrorCode::ResourceExhausted);
}

TEST(MemoryDirectory, IsThereOnThisMachine) {
  const auto found = memory_directory();

  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->is_absolute());
}

}  // namespace
}  // namespace pixell::engine::docker
