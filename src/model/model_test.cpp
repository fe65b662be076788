#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/agent_app.hpp"
#include "model/boot_report.hpp"
#include "model/manifest.hpp"
#include "model/routes.hpp"

namespace pixell::model {
namespace {

TEST(AppId, AcceptsWhatTheRuleAllowsAndNothingElse) {
  for (const char* good : {"a", "python-executor", "A_1-b", "0x"})
    EXPECT_TRUE(check_app_id(good)) << good;
  for (const std::string& bad : {std::string(), std::string("-a"), std::string("a/b"),
                                 std::string("a b"), std::string(64, 'a'), std::string("ä")})
    EXPECT_FALSE(check_app_id(bad)) << bad;
}

TEST(Cause, EveryNameReadsBack) {
  for (int i = 0; i <= static_cast<int>(Cause::Internal); ++i) {
    const auto cause = static_cast<Cause>(i);
    EXPECT_EQ(parse_cause(to_string(cause)), cause) << to_string(cause);
    EXPECT_NE(exit_code_of(cause), 0);
    EXPECT_FALSE(make_failure(cause, "x").remedy.empty());
  }
  EXPECT_FALSE(parse_cause("no_such_cause"));
}

TEST(BootReport, ReadsBackFromJson) {
  BootReport report{.ready = false,
                    .total_ms = 12.5,
                    .phases = {{"fetch", 3.5}},
                    .failure = make_failure(Cause::DigestMismatch, "wrong digest", {"a", "b"}),
                    .dependency_lock = {"six==1.16.0 --hash=sha256:00"},
                    .package_sha256 = "ab",
                    .interpreter = "/usr/bin/python3.11 3.11.2"};

  const auto back = boot_report_from_json(nlohmann::json::parse(to_json(report).dump()));

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->phases.at(0).name, "fetch");
  EXPECT_EQ(back->failure->cause, Cause::DigestMismatch);
  EXPECT_EQ(back->failure->evidence.size(), 2u);
  EXPECT_EQ(back->dependency_lock, report.dependency_lock);
}

TEST(BootReport, RefusesOtherJson) {
  EXPECT_FALSE(boot_report_from_json(nlohmann::json::array()));
  EXPECT_FALSE(boot_report_from_json({{"ready", "yes"}}));
}

TEST(Manifest, KeepsEmptySectionsApartFromAbsentOnes) {
  Manifest manifest;
  manifest.a2a = Manifest::A2a{};

  const auto back = manifest_from_json(to_json(manifest));

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(back->a2a.has_value());
  EXPECT_FALSE(back->rest.has_value());
}

TEST(RouteSnapshot, ReadsBackFromJson) {
  const RouteSnapshot snapshot{
      .generation = 7,
      .routes = {
          {.app_id = "a",
           .short_id = "abcdefgh",
           .name = "n",
           .description = "d",
           .version = "1",
           .legs = {
               {.revision = 2, .weight_permille = 1000, .tag = "", .addresses = {"unix:/x"}}}}}};

  const auto back = route_snapshot_from_json(to_json(snapshot));

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->generation, 7);
  EXPECT_EQ(back->routes.at(0).legs.at(0).addresses.at(0), "unix:/x");
}

TEST(DeploymentState, EveryNameReadsBack) {
  for (auto state : {DeploymentState::Queued, DeploymentState::Processing,
                     DeploymentState::Completed, DeploymentState::Failed})
    EXPECT_EQ(parse_deployment_state(to_string(state)), state);
  EXPECT_TRUE(is_final(DeploymentState::Failed));
  EXPECT_FALSE(is_final(DeploymentState::Processing));
}

}  // namespace
}  // namespace pixell::model
