#include "aws/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "aws/services.hpp"

namespace pixell::aws {
namespace {

using nlohmann::ordered_json;

/// What IAM takes as one managed policy, in characters without white space.
constexpr std::size_t kMaxPolicy = 6144;

PolicyScope scope() {
  return {.account = "123456789012",
          .region = "us-east-2",
          .cluster = "pixell-runtime-cluster",
          .name_prefix = "agent-",
          .target_group_prefix = "ag-",
          .log_group = "/ecs/pixell-agent-runtime",
          .bucket = "pixell-agent-packages",
          .repository = "pixell-agent-runtime",
          .task_role = "pixell-agent-runtime-task-role",
          .execution_role = "pixell-agent-runtime-execution-role",
          .installation = "*",
          .installation_tag = "pixell:installation"};
}

const ordered_json* find(const ordered_json& document, std::string_view id) {
  for (const ordered_json& each : document.at("Statement"))
    if (each.at("Sid") == id) return &each;
  return nullptr;
}

TEST(Policy, EveryActionOfTheTableHasItsRow) {
  for (const Action& action : actions())
    EXPECT_TRUE(std::any_of(permissions().begin(), permissions().end(),
                            [&](const Permission& each) {
                              return each.service == action.service && each.action == action.name;
                            }))
        << action.service << ' ' << action.name << ": add it to permissions.cpp";
}

TEST(Policy, EveryRowNamesAStatementAndEveryStatementHasActions) {
  std::set<std::string_view> used;
  for (const Permission& each : permissions()) {
    if (each.statement.empty()) continue;
    used.insert(each.statement);
    EXPECT_TRUE(
        std::any_of(statements().begin(), statements().end(),
                    [&](const StatementShape& shape) { return shape.id == each.statement; }))
        << each.statement;
  }
  for (const StatementShape& shape : statements())
    EXPECT_TRUE(used.contains(shape.id)) << shape.id << " allows nothing";
}

TEST(Policy, NothingIsLeftToFillIn) {
  PolicyScope wide = scope();
  wide.has_load_balancer = true;
  for (const Role role : {Role::Control, Role::Task, Role::Execution}) {
    const std::string text = policy_document(role, wide).dump();
    EXPECT_EQ(text.find("{like"), std::string::npos);
    for (const char* word : {"{ecs}", "{prefix}", "{cluster}", "{tag}", "{installation}"})
      EXPECT_EQ(text.find(word), std::string::npos) << word;
    EXPECT_LE(text.size(), kMaxPolicy);
  }
}

TEST(Policy, LoadBalancersAreOnlyForWhoRoutesByThem) {
  PolicyScope narrow = scope();
  EXPECT_EQ(policy_document(Role::Control, narrow).dump().find("elasticloadbalancing"),
            std::string::npos);
  narrow.has_load_balancer = true;
  EXPECT_NE(find(policy_document(Role::Control, narrow), "MakeRoutes"), nullptr);
}

TEST(Policy, AgentsMayFetchPackagesAndNothingElse) {
  const ordered_json document = policy_document(Role::Task, scope());
  ASSERT_EQ(document.at("Statement").size(), 1U);
  EXPECT_EQ(document.at("Statement").at(0).at("Action"), "s3:GetObject");
  EXPECT_EQ(document.at("Statement").at(0).at("Resource"), "arn:aws:s3:::pixell-agent-packages/*");
}

TEST(Policy, OnlyTheTwoRolesAreGivenAndOnlyToTasks) {
  const ordered_json document = policy_document(Role::Control, scope());
  const ordered_json* statement = find(document, "GiveRolesToTasks");
  ASSERT_NE(statement, nullptr);
  EXPECT_EQ(statement->at("Resource").size(), 2U);
  EXPECT_EQ(statement->at("Condition").at("StringEquals").at("iam:PassedToService"),
            "ecs-tasks.amazonaws.com");
}

TEST(Policy, AKnownInstallationIsNamedExactly) {
  PolicyScope known = scope();
  known.installation = "0123456789ab";
  const ordered_json document = policy_document(Role::Control, known);
  EXPECT_EQ(find(document, "ChangeOurs")
                ->at("Condition")
                .at("StringEquals")
                .at("aws:ResourceTag/pixell:installation"),
            "0123456789ab");
}

TEST(Policy, RegionsOfOtherPartitionsHaveTheirArns) {
  PolicyScope other = scope();
  other.region = "cn-north-1";
  EXPECT_THAT(policy_document(Role::Control, other).dump(),
              testing::HasSubstr("arn:aws-cn:ecs:cn-north-1:123456789012:service/"));
}

}  // namespace
}  // namespace pixell::aws
