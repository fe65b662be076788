#include "engine/instance_spec.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pixell::engine {
namespace {

InstanceSpec spec() {
  InstanceSpec made;
  made.id = "i1";
  made.app_id = "hello";
  made.revision = 2;
  made.deployment_id = "d1";
  made.package_path = "/p/a.apkg";
  made.package_sha256 = std::string(64, 'a');
  made.base_path = "/agents/hello";
  made.environment = {{"KEY", "value"}};
  made.resources.memory_mb = 64;
  made.grace = Millis(1'500);
  return made;
}

TEST(InstanceSpec, SurvivesJson) {
  const auto read = instance_spec_from_json(to_json(spec()));

  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, spec());
}

TEST(InstanceSpec, DiffersByEachField) {
  InstanceSpec other = spec();
  other.environment["KEY"] = "else";
  EXPECT_FALSE(other == spec());
  other = spec();
  other.resources.max_pids = 1;
  EXPECT_FALSE(other == spec());
}

TEST(InstanceSpec, RefusesOtherJson) {
  EXPECT_EQ(instance_spec_from_json({{"id", 3}}).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(instance_spec_from_json(nlohmann::json::array()).error().code,
            ErrorCode::InvalidArgument);
}

TEST(InstanceEnvironment, HasTheContractVariables) {
  const auto environment = instance_environment(spec());

  EXPECT_EQ(environment.at("AGENT_APP_ID"), "hello");
  EXPECT_EQ(environment.at("DEPLOYMENT_ID"), "d1");
  EXPECT_EQ(environment.at("BASE_PATH"), "/agents/hello");
  EXPECT_EQ(environment.at("AGENT_PACKAGE_PATH"), "/p/a.apkg");
  EXPECT_EQ(environment.at("GRACEFUL_SHUTDOWN_TIMEOUT_SEC"), "1.5");
  EXPECT_EQ(environment.at("STARTUP_TIMEOUT_SEC"), "300");
  EXPECT_EQ(environment.at("BOOT_HARD_LIMIT_MULTIPLIER"), "0");
  EXPECT_EQ(environment.at("KEY"), "value");
  EXPECT_FALSE(environment.contains("PACKAGE_URL"));
}

TEST(InstanceEnvironment, CannotBeGivenAnotherIdentity) {
  InstanceSpec forged = spec();
  forged.environment = {{"AGENT_APP_ID", "other"}, {"PACKAGE_URL", "https://x/y.apkg"}};

  const auto environment = instance_environment(forged);

  EXPECT_EQ(environment.at("AGENT_APP_ID"), "hello");
  EXPECT_FALSE(environment.contains("PACKAGE_URL"));
}

TEST(InstanceJson, SurvivesWithItsBootReport) {
  model::Instance instance;
  instance.id = "i1";
  instance.app_id = "hello";
  instance.phase = model::InstancePhase::Failed;
  instance.exit_code = 13;
  instance.boot_report = model::BootReport{};
  instance.boot_report->failure = model::make_failure(model::Cause::MissingModule, "no yaml");

  const auto read = instance_from_json(to_json(instance));

  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->phase, model::InstancePhase::Failed);
  EXPECT_EQ(read->exit_code, 13);
  EXPECT_EQ(read->boot_report->failure->cause, model::Cause::MissingModule);
}

}  // namespace
}  // namespace pixell::engine
