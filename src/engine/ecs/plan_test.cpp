#include "engine/ecs/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/ecs/tags.hpp"
#include "engine/ecs/testing/fake_aws.hpp"
#include "engine/ecs/testing/good_settings.hpp"

namespace pixell::engine::ecs {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

struct EcsPlan : testing::Test {
  FakeAws cloud;
  Aim aim{.spec = good_spec()};
  std::optional<model::Scaling> scaling;
  PlanParts parts{
      .outside = cloud.world.outside(),
      .environment = {{"AWS_ACCESS_KEY_ID", "A"},
                      {"AWS_SECRET_ACCESS_KEY", "s"},
                      {"AWS_REGION", "us-east-2"}},
      .settings = *read_settings(good_environment()),
      .names = Names("0123456789abcdef", {}),
  };

  EcsPlan() {
    cloud.answer("DescribeLogGroups",
                 {{"logGroups", {{{"logGroupName", "/ecs/pixell-agent-runtime"}}}}});
    cloud.refuse("DescribeSecret", "ResourceNotFoundException");
    cloud.refuse("DescribeTaskDefinition", "ClientException");
    cloud.answer("DescribeServices", {{"services", json::array()}});
    cloud.answer("DescribeClusters", {{"clusters", {{{"activeServicesCount", 4999}}}}});
    cloud.answer("ListTasks", {{"taskArns", json::array()}});
    cloud.answer("GetServiceQuota", {{"Quota", {{"Value", 40.0}}}});
    cloud.answer("ListSecrets", {{"SecretList", {json::object(), json::object()}}});
  }

  std::vector<std::string> planned() {
    std::vector<std::string> texts;
    const auto plan = plan_service(parts, aim, scaling);
    EXPECT_TRUE(plan) << plan.error().message;
    if (!plan) return texts;
    for (const PlannedChange& each : plan->changes)
      texts.push_back(each.kind + ' ' + each.action + ' ' + each.resource);
    return texts;
  }
};

TEST_F(EcsPlan, ANewAppIsMadeAndNothingIsSent) {
  EXPECT_THAT(planned(), ElementsAre("create secretsmanager CreateSecret agent-python-executor",
                                     "create ecs RegisterTaskDefinition agent-python-executor",
                                     "create ecs CreateService agent-python-executor"));
  for (const char* action : {"CreateSecret", "RegisterTaskDefinition", "CreateService"})
    EXPECT_TRUE(cloud.asked(action).empty()) << action;
}

TEST_F(EcsPlan, NoValueOfADeploymentIsInIt) {
  const auto plan = plan_service(parts, aim);
  ASSERT_TRUE(plan);
  const std::string shown = to_json(*plan).dump();
  ASSERT_FALSE(aim.spec.environment.empty());
  for (const auto& [name, value] : aim.spec.environment)
    EXPECT_EQ(shown.find(value), std::string::npos) << name;
}

TEST_F(EcsPlan, QuotasAreCountedWithWhatIsThere) {
  const auto plan = plan_service(parts, aim);
  ASSERT_TRUE(plan);
  ASSERT_FALSE(plan->quotas.empty());
  EXPECT_EQ(plan->quotas.front().name, "services of the cluster");
  EXPECT_EQ(plan->quotas.front().used, 4999);
  EXPECT_TRUE(plan->quotas.front().is_enough());
  cloud.forget("DescribeClusters");
  cloud.answer("DescribeClusters", {{"clusters", {{{"activeServicesCount", 5000}}}}});
  EXPECT_FALSE(plan_service(parts, aim)->quotas.front().is_enough());
}

const Quota* vcpus_of(const Result<Plan>& plan) {
  EXPECT_TRUE(plan) << plan.error().message;
  if (!plan) return nullptr;
  for (const Quota& each : plan->quotas)
    if (each.name.starts_with("vCPUs")) return &each;
  return nullptr;
}

json task_of(const char* group, const char* cpu) {
  return {{"group", group}, {"cpu", cpu}, {"launchType", "FARGATE"}};
}

TEST_F(EcsPlan, ProcessorsAreComparedWithTheQuotaOfTheAccount) {
  json spot = task_of("service:other", "4096");
  spot["capacityProviderName"] = "FARGATE_SPOT";
  json on_instances = task_of("service:other", "4096");
  on_instances["launchType"] = "EC2";
  cloud.forget("ListTasks");
  cloud.answer("ListTasks", {{"taskArns", {"1", "2", "3", "4"}}});
  cloud.answer("DescribeTasks",
               {{"tasks",
                 {task_of("service:other", "512"), task_of("service:agent-python-executor", "256"),
                  spot, on_instances}}});
  aim.tasks = 3;

  const auto plan = plan_service(parts, aim);
  const Quota* vcpus = vcpus_of(plan);

  ASSERT_NE(vcpus, nullptr);
  EXPECT_EQ(vcpus->used, 512 + 256);
  EXPECT_EQ(vcpus->added, 3 * 256 - 256) << "its running task is one of the three";
  EXPECT_EQ(vcpus->most, 40 * 1024);
  EXPECT_EQ(vcpus->note, "") << "it is the account's own";
  EXPECT_EQ(cloud.asked("GetServiceQuota").at(0),
            json({{"ServiceCode", "fargate"}, {"QuotaCode", "L-3032A538"}}));
  const auto at = vcpus - plan->quotas.data();
  EXPECT_EQ(to_json(*plan)["quotas"][std::size_t(at)]["used"], 0.75);
}

TEST_F(EcsPlan, AQuotaThatIsNotToldIsThatOfANewAccount) {
  cloud.forget("GetServiceQuota");
  cloud.refuse("GetServiceQuota", "AccessDeniedException", "not you");
  aim.tasks = 25;

  const auto plan = plan_service(parts, aim);
  const Quota* vcpus = vcpus_of(plan);

  ASSERT_NE(vcpus, nullptr);
  EXPECT_EQ(vcpus->most, 6 * 1024);
  EXPECT_FALSE(vcpus->is_enough());
  EXPECT_THAT(vcpus->note, HasSubstr("AccessDeniedException"));
  EXPECT_THAT(vcpus->note, HasSubstr("allow servicequotas:GetServiceQuota"));

  cloud.forget("GetServiceQuota");
  cloud.answer("GetServiceQuota", {{"Quota", json::object()}});
  const auto another = plan_service(parts, aim);
  ASSERT_NE(vcpus_of(another), nullptr);
  EXPECT_EQ(vcpus_of(another)->most, 6 * 1024);
  EXPECT_THAT(vcpus_of(another)->note, HasSubstr("tells none for L-3032A538"));
}

TEST_F(EcsPlan, AnAppWithScalingGetsATargetAndAPolicyOrWhatDiffersOfThem) {
  cloud.answer("DescribeScalableTargets", {{"ScalableTargets", json::array()}});
  cloud.answer("DescribeScalingPolicies", {{"ScalingPolicies", json::array()}});
  scaling = {.min_instances = 2, .max_instances = 9, .percent = 60};
  const std::string service = "service/pixell-runtime-cluster/agent-python-executor";
  const std::string target = "application-autoscaling RegisterScalableTarget " + service;
  const std::string policy = "application-autoscaling PutScalingPolicy pixell-target-tracking";
  EXPECT_THAT(planned(), IsSupersetOf({"create " + target, "create " + policy}));

  const json switched = {{"DynamicScalingInSuspended", false},
                         {"DynamicScalingOutSuspended", false},
                         {"ScheduledScalingSuspended", false}};
  cloud.forget("DescribeScalableTargets");
  cloud.answer("DescribeScalableTargets", {{"ScalableTargets",
                                            {{{"ResourceId", service},
                                              {"MinCapacity", 2},
                                              {"MaxCapacity", 30},
                                              {"SuspendedState", switched}}}}});
  EXPECT_THAT(planned(), IsSupersetOf({"update " + target, "create " + policy}));
  const auto plan = plan_service(parts, aim, scaling);
  ASSERT_TRUE(plan);
  const auto change = std::ranges::find_if(plan->changes, [](const PlannedChange& each) {
    return each.action == "application-autoscaling RegisterScalableTarget";
  });
  ASSERT_NE(change, plan->changes.end());
  EXPECT_THAT(change->differences, Contains(Difference{"MaxCapacity", "30", "9"}));
  EXPECT_TRUE(cloud.asked("RegisterScalableTarget").empty());

  scaling.reset();
  EXPECT_THAT(planned(), Not(Contains(HasSubstr("autoscaling"))));
}

TEST_F(EcsPlan, WhatTheSyncRefusesThePlanRefuses) {
  cloud.forget("DescribeSecret");
  cloud.answer("DescribeSecret", {{"ARN", "arn:1"}, {"Tags", json::array()}});
  const auto plan = plan_service(parts, aim);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr("is there, but not of the app"));
}

TEST_F(EcsPlan, TheSlotIsThatOfTheRevisionOrTheFreeOne) {
  EXPECT_EQ(*slot_of(parts, "python-executor", 7), Slot::A);
  cloud.forget("DescribeServices");
  cloud.answer("DescribeServices", {{"services",
                                     {{{"serviceName", "agent-python-executor"},
                                       {"status", "ACTIVE"},
                                       {"tags", ecs_tags({{kRevisionTag, "7"}})}}}}});
  EXPECT_EQ(*slot_of(parts, "python-executor", 7), Slot::A);
  EXPECT_EQ(*slot_of(parts, "python-executor", 8), Slot::B);
}

}  // namespace
}  // namespace pixell::engine::ecs
