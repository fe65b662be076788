#include "cmd/par/start_mode.hpp"

#include <gtest/gtest.h>

namespace pixell::cmd {
namespace {

using Kind = StartMode::Kind;

TEST(StartMode, PrefersTheGivenPathToAnyUrl) {
  const auto mode = decide_start({"run", "/path/to/local/package.apkg"},
                                 {{"PACKAGE_URL", "s3://pixell-agent-packages/test.apkg"}});
  EXPECT_EQ(mode.kind, Kind::Run);
  EXPECT_EQ(mode.package_path, "/path/to/local/package.apkg");
  EXPECT_TRUE(mode.is_command_line);
}

TEST(StartMode, PrefersTheEnvironmentsPathToEverything) {
  const auto mode = decide_start({"run", "other"}, {{"AGENT_PACKAGE_PATH", "/p.apkg"}});
  EXPECT_EQ(mode.package_path, "/p.apkg");
  EXPECT_FALSE(mode.is_command_line);
}

TEST(StartMode, RunsTheUrlWithoutArguments) {
  const auto mode = decide_start({}, {{"PACKAGE_URL", "s3://b/k"}});
  EXPECT_EQ(mode.kind, Kind::Run);
  EXPECT_TRUE(mode.package_path.empty());
}

TEST(StartMode, KnowsTheOtherCommands) {
  EXPECT_EQ(decide_start({"status"}, {{"PACKAGE_URL", "s3://b/k"}}).kind, Kind::Status);
  EXPECT_EQ(decide_start({"--version"}, {}).kind, Kind::Version);
  EXPECT_EQ(decide_start({"run", "-h"}, {}).kind, Kind::Help);
}

TEST(StartMode, RunsToolsWhateverPackageTheEnvironmentNames) {
  const par::Environment env = {{"AGENT_PACKAGE_PATH", "/p.apkg"}, {"PACKAGE_URL", "s3://b/k"}};

  const auto validate = decide_start({"validate", "x", "--json"}, env);
  EXPECT_EQ(validate.kind, Kind::Package);
  EXPECT_EQ(validate.arguments, (std::vector<std::string>{"validate", "x", "--json"}));
  const auto health = decide_start({"healthcheck", "--port", "1"}, env);
  EXPECT_EQ(health.kind, Kind::Healthcheck);
  EXPECT_EQ(health.arguments, (std::vector<std::string>{"--port", "1"}));
  EXPECT_EQ(decide_start({"completion", "zsh"}, env).kind, Kind::Completion);
}

TEST(StartMode, TakesJsonForRunAnywhere) {
  const auto mode = decide_start({"run", "--json", "p"}, {});
  EXPECT_TRUE(mode.wants_json);
  EXPECT_EQ(mode.package_path, "p");
  EXPECT_TRUE(mode.ignored.empty());
}

TEST(StartMode, RefusesToRunNothing) {
  EXPECT_NE(decide_start({}, {}).error.find("PACKAGE_URL"), std::string::npos);
  EXPECT_NE(decide_start({"run"}, {{"PACKAGE_URL", "s3://b/k"}}).error.find("par run <"),
            std::string::npos);
}

TEST(StartMode, NamesArgumentsItIgnores) {
  EXPECT_EQ(decide_start({"run", "p", "--fast"}, {}).ignored, std::vector<std::string>{"--fast"});
  EXPECT_EQ(decide_start({"serve"}, {{"PACKAGE_URL", "s3://b/k"}}).ignored,
            std::vector<std::string>{"serve"});
}

}  // namespace
}  // namespace pixell::cmd
