#include "engine/ecs/settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/testing/good_settings.hpp"

namespace pixell::engine::ecs {
namespace {

using namespace std::string_literals;

TEST(EcsSettings, HaveTheDocumentedDefaults) {
  const auto settings = read_settings(good_environment());
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->cluster, "pixell-runtime-cluster");
  EXPECT_EQ(settings->log_group, "/ecs/pixell-agent-runtime");
  EXPECT_EQ(settings->subnets, (std::vector<std::string>{"subnet-0a", "subnet-0b"}));
  EXPECT_EQ(settings->bucket, "pixell-agent-packages");
  EXPECT_EQ(settings->boot_hard_limit, "0");
  EXPECT_EQ(settings->routing, Routing::Edge);
  EXPECT_FALSE(settings->has_public_address);
}

TEST(EcsSettings, AreTakenFromTheEnvironment) {
  aws::Environment env = alb_environment();
  env["PAC_ECS_CLUSTER"] = "agents";
  env["PAC_ECS_PUBLIC_ADDRESS"] = "true";
  env["PAC_ECS_ARCHITECTURE"] = "ARM64";
  env["PAC_ECS_NAME_PREFIX"] = "px-";
  env["BOOT_HARD_LIMIT_MULTIPLIER"] = "2.5";
  env["MAX_PACKAGE_SIZE_MB"] = "250";
  const auto settings = read_settings(env);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->cluster, "agents");
  EXPECT_TRUE(settings->has_public_address);
  EXPECT_EQ(settings->architecture, "ARM64");
  EXPECT_EQ(settings->prefixes.service, "px-");
  EXPECT_EQ(settings->boot_hard_limit, "2.5");
  EXPECT_EQ(settings->max_package_mb, 250);
  EXPECT_EQ(settings->routing, Routing::Alb);
  EXPECT_EQ(settings->vpc, "vpc-01");
}

struct Wrong {
  const char* variable;
  std::string value;
};

TEST(EcsSettings, EachFaultNamesTheVariableItsValueAndTheRemedy) {
  const Wrong wrongs[] = {
      {"AWS_REGION", "evil.example/"},
      {"PAC_ECS_CLUSTER", "a b"},
      {"PAC_ECS_CLUSTER", std::string(kMaxServiceName + 1, 'a')},
      {"PAC_ECS_SUBNETS", "subnet-1,,subnet-2"},
      {"PAC_ECS_SUBNETS", "subnet-1,subnet-1"},
      {"PAC_ECS_SUBNETS", "vpc-1"},
      {"PAC_ECS_SECURITY_GROUPS", "sg-1,sg-2,sg-3,sg-4,sg-5,sg-6"},
      {"PAC_ECS_INSTALLATION", "Our Cloud"},
      {"PAC_ECS_PUBLIC_ADDRESS", "yes"},
      {"PAC_ECS_ROUTING", "nlb"},
      {"PAC_ECS_LISTENER", "arn:aws:elasticloadbalancing:us-east-2:1:listener/net/x/1/2"},
      {"PAC_ECS_VPC", "sg-1"},
      {"PAC_ECS_NAMESPACE", "a/b"},
      {"PAC_ECS_IMAGE", "pixell-agent-runtime:latest"},
      {"PAC_ECS_IMAGE", "@sha256:" + std::string(64, 'a')},
      {"PAC_ECS_IMAGE", "x@sha256:" + std::string(63, 'a')},
      {"PAC_ECS_EXECUTION_ROLE", "pixell-agent-runtime-execution-role"},
      {"PAC_ECS_TASK_ROLE", "arn:aws:iam::1:user/x"},
      {"PAC_ECS_ARCHITECTURE", "amd64"},
      {"PAC_ECS_LOG_GROUP", "a:b"},
      {"PAC_ECS_NAME_PREFIX", "agent"},
      {"PAC_ECS_TARGET_GROUP_PREFIX", "internal--"},
      {"S3_BUCKET", "Has_Capitals"},
      {"MAX_PACKAGE_SIZE_MB", "0"},
      {"MAX_PACKAGE_SIZE_MB", "10 MB"},
      {"BOOT_BUDGET_MS", "-5"},
      {"BOOT_HARD_LIMIT_MULTIPLIER", "-1"},
      {"BOOT_HARD_LIMIT_MULTIPLIER", "nan"},
  };
  for (const Wrong& wrong : wrongs) {
    aws::Environment env = alb_environment();
    env[wrong.variable] = wrong.value;
    const auto refused = read_settings(env);
    ASSERT_FALSE(refused) << wrong.variable << '=' << wrong.value;
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
    const std::string begins = std::string(wrong.variable) + '=' + wrong.value + ": give ";
    EXPECT_TRUE(refused.error().message.starts_with(begins)) << refused.error().message;
    EXPECT_EQ(refused.error().message.find('\n'), std::string::npos) << refused.error().message;
  }
}

TEST(EcsSettings, SeveralListenersAreOneForEachLoadBalancer) {
  const std::string one = alb_environment().at("PAC_ECS_LISTENER");
  const std::string other =
      "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener/app/second/3/4";
  aws::Environment env = alb_environment();
  EXPECT_EQ(read_settings(env)->listeners, std::vector{one});
  env["PAC_ECS_LISTENERS"] = one + "," + other;
  EXPECT_EQ(read_settings(env).error().message,
            "PAC_ECS_LISTENER=" + one + ": it is set beside PAC_ECS_LISTENERS: give one of both");
  env.erase("PAC_ECS_LISTENER");
  EXPECT_EQ(read_settings(env)->listeners, (std::vector{one, other}));
  // Rules may be left there.
  env["PAC_ECS_ROUTING"] = "edge";
  EXPECT_EQ(read_settings(env)->listeners, (std::vector{one, other}));
  for (const std::string& wrong : {one + "," + one, one + ",", one + "," + one + "0", "x"s}) {
    env["PAC_ECS_LISTENERS"] = wrong;
    const auto refused = read_settings(env);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_TRUE(refused.error().message.starts_with("PAC_ECS_LISTENERS=" + wrong + ": give "));
  }
}

TEST(EcsSettings, ASecretIsRestorableForNoDaysOrThoseThatAwsTakes) {
  aws::Environment env = good_environment();
  EXPECT_EQ(read_settings(env)->secret_recovery_days, 7);
  for (const char* days : {"0", "7", "30"}) {
    env["PAC_ECS_SECRET_RECOVERY_DAYS"] = days;
    EXPECT_EQ(read_settings(env)->secret_recovery_days, std::stoi(days));
  }
  for (const char* days : {"1", "31", "-1", "a week"}) {
    env["PAC_ECS_SECRET_RECOVERY_DAYS"] = days;
    EXPECT_FALSE(read_settings(env)) << days;
  }
}

TEST(EcsSettings, AllThatIsMissingIsToldAtOnce) {
  const auto refused = read_settings({{"PAC_ECS_ROUTING", "alb"}});
  ASSERT_FALSE(refused);
  const std::string& message = refused.error().message;
  for (const char* name :
       {"AWS_REGION", "PAC_ECS_SUBNETS", "PAC_ECS_SECURITY_GROUPS", "PAC_ECS_IMAGE",
        "PAC_ECS_EXECUTION_ROLE", "PAC_ECS_TASK_ROLE", "PAC_ECS_LISTENER", "PAC_ECS_VPC"})
    EXPECT_NE(message.find(std::string(name) + " is not set: give "), std::string::npos) << message;
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 7);
}

}  // namespace
}  // namespace pixell::engine::ecs
