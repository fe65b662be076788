#include "engine/ecs/task_definition.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/tags.hpp"
#include "engine/ecs/testing/good_settings.hpp"

namespace pixell::engine::ecs {
namespace {

using nlohmann::json;

struct EcsTaskDefinition : testing::Test {
  Settings settings = *read_settings(good_environment());
  Names names{"0123456789abcdef", {}};
  SecretPlace secret{"arn:aws:secretsmanager:us-east-2:123456789012:secret:agent-x-Ab1Cd2",
                     std::string(32, '1')};
  InstanceSpec spec = good_spec();

  json made() {
    auto request = task_definition(spec, settings, names, secret);
    EXPECT_TRUE(request) << request.error().message;
    return request ? *request : json();
  }
  json container() { return made().at("containerDefinitions").at(0); }
  std::string refusal() {
    const auto request = task_definition(spec, settings, names, secret);
    EXPECT_FALSE(request);
    return request ? "" : request.error().message;
  }
  std::string digest() { return read_tags(made().at("tags")).at(kDefinitionTag); }

  std::map<std::string, std::string> environment() {
    std::map<std::string, std::string> all;
    const json described = container();
    for (const json& each : described.at("environment"))
      EXPECT_TRUE(all.emplace(each.at("name"), each.at("value")).second);
    return all;
  }
};

TEST_F(EcsTaskDefinition, HasTheVariablesOfTheContract) {
  const std::map<std::string, std::string> expected = {{"AGENT_APP_ID", "python-executor"},
                                                       {"A2A_PORT", "50051"},
                                                       {"AWS_REGION", "us-east-2"},
                                                       {"BASE_PATH", "/agents/python-executor"},
                                                       {"BOOT_BUDGET_MS", "5000"},
                                                       {"BOOT_HARD_LIMIT_MULTIPLIER", "0"},
                                                       {"DEPLOYMENT_ID", "01HY"},
                                                       {"GRACEFUL_SHUTDOWN_TIMEOUT_SEC", "30"},
                                                       {"LISTEN_ADDR", "0.0.0.0"},
                                                       {"MAX_PACKAGE_SIZE_MB", "100"},
                                                       {"MULTIPLEXED", "true"},
                                                       {"PACKAGE_CREDENTIALS", "container"},
                                                       {"PACKAGE_SHA256", std::string(64, 'b')},
                                                       {"PACKAGE_URL", spec.package_url},
                                                       {"PAR_WORKER_DISK_MB", "1024"},
                                                       {"PAR_WORKER_PROCESSES", "0"},
                                                       {"REST_PORT", "8080"},
                                                       {"S3_BUCKET", "pixell-agent-packages"},
                                                       {"STARTUP_TIMEOUT_SEC", "300"},
                                                       {"UI_PORT", "3000"}};
  EXPECT_EQ(environment(), expected);
}

TEST_F(EcsTaskDefinition, IsATaskOfFargateThatMayDoLittle) {
  const json task = made();
  EXPECT_EQ(task["family"], "agent-python-executor");
  EXPECT_EQ(task["requiresCompatibilities"], json({"FARGATE"}));
  EXPECT_EQ(task["networkMode"], "awsvpc");
  EXPECT_EQ(task["cpu"], "256");
  EXPECT_EQ(task["memory"], "512");
  EXPECT_EQ(task["runtimePlatform"]["cpuArchitecture"], "X86_64");
  EXPECT_FALSE(task.contains("ephemeralStorage"));
  const json made = container();
  EXPECT_EQ(made["name"], "agent-runtime");
  EXPECT_EQ(made["image"], settings.image);
  EXPECT_EQ(made["user"], "10001:10001");
  EXPECT_EQ(made["readonlyRootFilesystem"], true);
  EXPECT_EQ(made["linuxParameters"]["capabilities"]["drop"], json({"ALL"}));
  EXPECT_EQ(made["stopTimeout"], 35);
  EXPECT_EQ(made["healthCheck"]["startPeriod"], 300);
  EXPECT_EQ(made["healthCheck"]["command"], json({"CMD", "par", "healthcheck"}));
  EXPECT_EQ(made["logConfiguration"]["options"]["awslogs-group"], "/ecs/pixell-agent-runtime");
  // Each place that is written to is a volume that the task has.
  for (const json& mount : made["mountPoints"])
    EXPECT_EQ(std::count(task["volumes"].begin(), task["volumes"].end(),
                         json{{"name", mount["sourceVolume"]}}),
              1);
}

TEST_F(EcsTaskDefinition, ValuesOfADeploymentAreOnlyReferredTo) {
  const json task = made();
  EXPECT_EQ(task.dump().find("sk-very-secret"), std::string::npos);
  EXPECT_EQ(task.dump().find("hello"), std::string::npos);
  EXPECT_EQ(
      container()["secrets"],
      json({{{"name", "GREETING"}, {"valueFrom", secret.arn + ":GREETING::" + secret.version}},
            {{"name", "OPENAI_API_KEY"},
             {"valueFrom", secret.arn + ":OPENAI_API_KEY::" + secret.version}}}));
  spec.environment.clear();
  EXPECT_FALSE(container().contains("secrets"));
}

TEST_F(EcsTaskDefinition, NoNameIsBothAVariableAndASecret) {
  spec.environment = {{"BOOT_BUDGET_MS", "120000"}, {"STARTUP_TIMEOUT_SEC", "20"}};
  EXPECT_FALSE(environment().contains("BOOT_BUDGET_MS"));
  EXPECT_FALSE(environment().contains("STARTUP_TIMEOUT_SEC"));
  EXPECT_EQ(container()["secrets"].size(), 2U);
}

TEST_F(EcsTaskDefinition, ADeploymentSaysNothingOfWhatIsOurs) {
  spec.environment = {
      {"AGENT_APP_ID", "other"},        {"REST_PORT", "1"}, {"LD_PRELOAD", "/tmp/x.so"},
      {"PACKAGE_URL", "https://evil/"}, {"PATH", "/tmp"},   {"MULTIPLEXED", "false"}};
  EXPECT_TRUE(secret_document(spec)->is_null());
  EXPECT_FALSE(container().contains("secrets"));
  EXPECT_EQ(environment().at("AGENT_APP_ID"), "python-executor");
  EXPECT_EQ(environment().at("PACKAGE_URL"), spec.package_url);
}

TEST_F(EcsTaskDefinition, TheSameRevisionHasTheSameDigestAndAnotherHasNot) {
  const std::string first = digest();
  EXPECT_EQ(digest(), first);
  const auto differs = [&](auto change) {
    InstanceSpec before = spec;
    change();
    const std::string second = digest();
    spec = before;
    return second != first;
  };
  EXPECT_TRUE(differs([&] { spec.package_url += "2"; }));
  EXPECT_TRUE(differs([&] { spec.environment["X"] = "y"; }));
  EXPECT_TRUE(differs([&] { spec.resources.memory_mb = 600; }));
  secret.version = std::string(32, '2');
  EXPECT_NE(digest(), first);
}

TEST_F(EcsTaskDefinition, WhatAwsWouldRefuseNamesFieldValueAndRemedy) {
  const auto refused = [&](auto change) {
    spec = good_spec();
    change();
    return refusal();
  };
  EXPECT_EQ(
      refused([&] { spec.package_url = "file:///x"; }),
      "package_url=file:///x: a task fetches its package from s3:// or https://; put it there "
      "first");
  EXPECT_EQ(refused([&] { spec.package_sha256 = "abc"; }),
            "package_sha256=abc: give the package's SHA-256, 64 hex digits");
  EXPECT_EQ(
      refused([&] { spec.grace = Millis(115'001); }),
      "grace=115001 ms: Fargate ends a task after 120 s, 5 of which par needs for itself; give "
      "at most 115000 ms");
  EXPECT_EQ(refused([&] { spec.startup_timeout = Millis(510'001); }),
            "startup_timeout=510001 ms: ECS calls a task sick before that; give at most 510000 ms");
  EXPECT_EQ(
      refused([&] { spec.environment["a b"] = "1"; }),
      "environment: ECS cannot pass on the name a b; give letters, digits and underscores, no "
      "digit first");
  EXPECT_EQ(refused([&] { spec.environment["A"] = "\xff"; }),
            "environment: the value of A is no text in UTF-8; encode it");
  EXPECT_EQ(
      refused([&] { spec.environment["A"] = std::string(kMaxSecretBytes, 'x'); }).substr(0, 28),
      "environment: the values take");
  EXPECT_EQ(refused([&] { spec.resources.disk_mb = 200 * 1024; }),
            "resources.disk_mb=204800: a Fargate task has at most 200 GiB, 8192 MiB of which the "
            "runtime takes; give at most 196608");
  EXPECT_NE(refused([&] { spec.app_id = "a b"; }).find("a b"), std::string::npos);
  EXPECT_NE(refused([&] {
              for (int i = 0; i < 600; ++i) spec.environment["VARIABLE_" + std::to_string(i)] = "x";
            }).find("602 variables make the task definition"),
            std::string::npos);
  spec = good_spec();
  secret = {};
  EXPECT_EQ(task_definition(spec, settings, names, secret).error().code,
            ErrorCode::FailedPrecondition);
}

TEST_F(EcsTaskDefinition, TheLongestOfEachIsTaken) {
  spec.grace = Millis(115'000);
  spec.startup_timeout = Millis(510'000);
  spec.resources.disk_mb = 196'608;
  const json task = made();
  EXPECT_EQ(task["ephemeralStorage"]["sizeInGiB"], 200);
  EXPECT_EQ(task["containerDefinitions"][0]["stopTimeout"], 120);
  EXPECT_EQ(task["containerDefinitions"][0]["healthCheck"]["retries"], 10);
  spec.resources.disk_mb = 12 * 1024 + 1;
  EXPECT_EQ(made()["ephemeralStorage"]["sizeInGiB"], 21);
}

TEST(FargateSize, IsTheSmallestThatIsNoLess) {
  const auto size = [](std::int64_t cpu, std::int64_t memory, std::int64_t milli = 0) {
    const auto found = fargate_size({.memory_mb = memory, .cpu_units = cpu, .cpu_milli = milli});
    return found ? std::pair(found->cpu_units, found->memory_mib)
                 : std::pair(std::int64_t{0}, std::int64_t{0});
  };
  using Size = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(size(256, 512), Size(256, 512));
  EXPECT_EQ(size(0, 0), Size(256, 512));
  EXPECT_EQ(size(256, 513), Size(256, 1024));
  EXPECT_EQ(size(256, 1025), Size(256, 2048));
  EXPECT_EQ(size(256, 2049), Size(512, 3072));
  EXPECT_EQ(size(257, 512), Size(512, 1024));
  EXPECT_EQ(size(256, 512, 250), Size(256, 512));
  EXPECT_EQ(size(256, 512, 1001), Size(2048, 4096));
  EXPECT_EQ(size(4096, 30'720), Size(4096, 30'720));
  EXPECT_EQ(size(4096, 30'721), Size(8192, 32'768));
  EXPECT_EQ(size(8192, 61'441), Size(16'384, 65'536));
  EXPECT_EQ(size(16'384, 122'880), Size(16'384, 122'880));
  EXPECT_EQ(size(16'384, 122'881), Size(0, 0));
  EXPECT_EQ(size(16'385, 512), Size(0, 0));
}

// Each pair that comes out is one of AWS's table, written here by its own rule.
TEST(FargateSize, OnlyCombinationsThatExistComeOut) {
  const auto exists = [](std::int64_t cpu, std::int64_t memory) {
    if (cpu == 256) return memory == 512 || memory == 1024 || memory == 2048;
    const std::int64_t gib = memory / 1024;
    if (memory % 1024 != 0) return false;
    if (cpu == 512) return gib >= 1 && gib <= 4;
    if (cpu == 1024) return gib >= 2 && gib <= 8;
    if (cpu == 2048) return gib >= 4 && gib <= 16;
    if (cpu == 4096) return gib >= 8 && gib <= 30;
    if (cpu == 8192) return gib >= 16 && gib <= 60 && gib % 4 == 0;
    return cpu == 16'384 && gib >= 32 && gib <= 120 && gib % 8 == 0;
  };
  for (std::int64_t cpu = 0; cpu <= 16'384; cpu += 128)
    for (std::int64_t memory = 0; memory <= 122'880; memory += 640) {
      const auto size = fargate_size({.memory_mb = memory, .cpu_units = cpu});
      ASSERT_TRUE(size) << cpu << ' ' << memory;
      EXPECT_TRUE(exists(size->cpu_units, size->memory_mib)) << cpu << ' ' << memory;
      EXPECT_GE(size->cpu_units, cpu);
      EXPECT_GE(size->memory_mib, memory);
    }
}

}  // namespace
}  // namespace pixell::engine::ecs
