#include "engine/ecs/service_sync.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/tags.hpp"
#include "engine/ecs/task_definition.hpp"
#include "engine/ecs/testing/fake_aws.hpp"
#include "engine/ecs/testing/good_settings.hpp"
#include "engine/ecs/testing/memory_journal.hpp"

namespace pixell::engine::ecs {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kDefinition =
    "arn:aws:ecs:us-east-2:123456789012:task-definition/agent-python-executor:1";
constexpr const char* kService =
    "arn:aws:ecs:us-east-2:123456789012:service/pixell-runtime-cluster/agent-python-executor";

struct EcsServiceSync : testing::Test {
  FakeAws cloud;
  aws::Services services{
      cloud.world.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  MemoryJournal journal;
  Settings settings = *read_settings(good_environment());
  Names names{"0123456789abcdef", {}};
  Aim aim{.spec = good_spec()};

  EcsServiceSync() {
    aim.spec.environment.clear();
    cloud.answer("DescribeLogGroups",
                 {{"logGroups", {{{"logGroupName", "/ecs/pixell-agent-runtime"}}}}});
  }

  Result<ServicePlace> ensure() {
    return ServiceSync(services, journal, settings, names).ensure(aim);
  }

  /// The family's latest is what this revision wants.
  void has_definition() {
    json wanted = *task_definition(aim.spec, settings, names, {});
    const json tags = wanted.at("tags");
    wanted["taskDefinitionArn"] = kDefinition;
    cloud.answer("DescribeTaskDefinition", {{"taskDefinition", wanted}, {"tags", tags}});
  }

  json service(const json& changes = json::object()) {
    json made = {{"serviceArn", kService},
                 {"status", "ACTIVE"},
                 {"launchType", "FARGATE"},
                 {"schedulingStrategy", "REPLICA"},
                 {"taskDefinition", kDefinition},
                 {"desiredCount", 1},
                 {"networkConfiguration",
                  {{"awsvpcConfiguration",
                    {{"subnets", {"subnet-0b", "subnet-0a"}},
                     {"securityGroups", {"sg-01"}},
                     {"assignPublicIp", "DISABLED"}}}}},
                 {"tags", ecs_tags({{kInstallationTag, names.installation()},
                                    {kAppTag, "python-executor"},
                                    {kSlotTag, "a"},
                                    {kRevisionTag, "7"}})}};
    made.update(changes);
    return made;
  }
  void has_service(const json& changes = json::object()) {
    cloud.answer("DescribeServices", {{"services", {service(changes)}}});
  }
  void has_no_service() {
    cloud.answer("DescribeServices",
                 {{"services", json::array()}, {"failures", {{{"reason", "MISSING"}}}}});
  }
};

TEST_F(EcsServiceSync, WhatIsAsItShouldBeIsLeftAlone) {
  has_definition();
  has_service();

  const auto place = ensure();

  ASSERT_TRUE(place) << place.error().message;
  EXPECT_EQ(place->service, kService);
  EXPECT_EQ(place->task_definition, kDefinition);
  EXPECT_TRUE(journal.begun.empty());
}

TEST_F(EcsServiceSync, ALogGroupIsNotLeftHalfMade) {
  const Step made{.app_id = "python-executor",
                  .action = "logs CreateLogGroup",
                  .resource = "/ecs/pixell-agent-runtime"};
  Step kept = made;
  kept.action = "logs PutRetentionPolicy";
  Step elsewhere = made;
  elsewhere.resource = "/ecs/another";
  std::size_t times = 0;
  for (const auto& [left, more] : {std::pair(made, 1U), {kept, 1U}, {elsewhere, 0U}}) {
    has_definition();
    has_service();
    cloud.answer("PutRetentionPolicy", json::object());
    ASSERT_TRUE(journal.begin(left));

    ASSERT_TRUE(ensure());

    times += more;
    EXPECT_EQ(cloud.asked("PutRetentionPolicy").size(), times) << left.action << left.resource;
    EXPECT_THAT(*journal.open("python-executor"), testing::IsEmpty());
  }
}

TEST_F(EcsServiceSync, WhatDiffersIsUpdated) {
  const std::pair<const char*, json> differences[] = {
      {"desiredCount", 2},
      {"taskDefinition", std::string(kDefinition) + "1"},
      {"networkConfiguration", json::object()},
      {"loadBalancers",
       {{{"targetGroupArn", "a"}, {"containerName", "agent-runtime"}, {"containerPort", 8080}}}}};
  has_definition();
  std::size_t updates = 0;
  for (const auto& [field, value] : differences) {
    has_service({{field, value}});
    cloud.answer("UpdateService", json::object());
  }
  for (const auto& [field, value] : differences) {
    ASSERT_TRUE(ensure()) << field;
    EXPECT_EQ(cloud.asked("UpdateService").size(), ++updates) << field;
  }
  EXPECT_EQ(cloud.asked("UpdateService")[0]["taskDefinition"], kDefinition);
  EXPECT_FALSE(cloud.asked("UpdateService")[0].contains("launchType"));
  // Not left out: that would leave them as they are, sync after sync.
  EXPECT_EQ(cloud.asked("UpdateService")[3]["loadBalancers"], json::array());
}

TEST_F(EcsServiceSync, ARegistrationWhoseAnswerIsLostIsFoundByTheNextSync) {
  cloud.refuse("DescribeTaskDefinition", "ClientException", "Unable to describe task definition.");
  cloud.lose("RegisterTaskDefinition");

  const auto lost = ensure();

  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().retry, Retry::Later);
  EXPECT_EQ(cloud.asked("RegisterTaskDefinition").size(), 1U);
  EXPECT_EQ(journal.open("python-executor")->size(), 1U);

  cloud.forget("DescribeTaskDefinition");
  has_definition();
  has_service();

  const auto found = ensure();

  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->task_definition, kDefinition);
  EXPECT_EQ(cloud.asked("RegisterTaskDefinition").size(), 1U);
  EXPECT_TRUE(journal.open("python-executor")->empty());
}

TEST_F(EcsServiceSync, ThrottlingIsWaitedOut) {
  cloud.refuse("DescribeTaskDefinition", "ThrottlingException");
  has_definition();
  has_service();

  ASSERT_TRUE(ensure());

  EXPECT_EQ(cloud.asked("DescribeTaskDefinition").size(), 2U);
  EXPECT_EQ(cloud.world.pauses.size(), 1U);
}

TEST_F(EcsServiceSync, AServiceMadeMeanwhileIsAdopted) {
  has_definition();
  has_no_service();
  has_service({{"desiredCount", 3}});
  cloud.refuse("CreateService", "InvalidParameterException",
               "Creation of service was not idempotent.");
  cloud.answer("UpdateService", json::object());

  const auto place = ensure();

  ASSERT_TRUE(place) << place.error().message;
  EXPECT_EQ(place->service, kService);
  EXPECT_EQ(cloud.asked("UpdateService")[0]["desiredCount"], 1);
  EXPECT_TRUE(journal.open("python-executor")->empty());
}

TEST_F(EcsServiceSync, AServiceMadeMeanwhileByOthersIsRefused) {
  has_definition();
  has_no_service();
  has_service({{"tags", json::array()}});
  cloud.refuse("CreateService", "InvalidParameterException",
               "Creation of service was not idempotent.");

  const auto refused = ensure();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("or set PAC_ECS_NAME_PREFIX to something else"));
}

TEST_F(EcsServiceSync, AnotherRefusalOfCreationIsTold) {
  has_definition();
  has_no_service();
  cloud.refuse("CreateService", "InvalidParameterException", "the subnet is not there");

  const auto refused = ensure();

  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("the subnet is not there"));
}

TEST_F(EcsServiceSync, ARepeatedCreationHasTheSameTokenAndAnotherHasNot) {
  has_definition();
  has_no_service();
  has_no_service();
  has_no_service();
  cloud.answer("DescribeServices",
               {{"services", {service({{"status", "INACTIVE"}, {"createdAt", 1}})}}});
  cloud.lose("CreateService");
  cloud.answer("CreateService", {{"service", {{"serviceArn", kService}}}});

  ASSERT_TRUE(ensure());
  ASSERT_TRUE(ensure());
  aim.tasks = 2;
  ASSERT_TRUE(ensure());
  aim.tasks = 1;
  ASSERT_TRUE(ensure());

  const auto asked = cloud.asked("CreateService");
  ASSERT_EQ(asked.size(), 5U);
  EXPECT_LE(asked[0]["clientToken"].get<std::string>().size(), kMaxClientToken);
  EXPECT_EQ(asked[0], asked[1]);
  EXPECT_EQ(asked[0]["clientToken"], asked[2]["clientToken"]);
  EXPECT_NE(asked[0]["clientToken"], asked[3]["clientToken"]);
  // One that was deleted is not what is wanted now.
  EXPECT_NE(asked[0]["clientToken"], asked[4]["clientToken"]);
}

TEST_F(EcsServiceSync, AServiceThatIsBeingDeletedIsWaitedFor) {
  has_definition();
  has_service({{"status", "DRAINING"}});

  const auto refused = ensure();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry, Retry::Later);
  EXPECT_TRUE(journal.begun.empty());
}

TEST_F(EcsServiceSync, WhatAwsCannotChangeOfAServiceIsTold) {
  has_definition();
  has_service({{"launchType", "EC2"}});

  const auto refused = ensure();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "the service agent-python-executor has launchType=EC2, which AWS cannot change to "
            "FARGATE: delete the service, and it is made anew");
}

TEST_F(EcsServiceSync, NothingIsChangedThatCouldNotBeRecorded) {
  has_definition();
  has_no_service();
  cloud.answer("CreateService", {{"service", {{"serviceArn", kService}}}});
  journal.is_broken = true;

  const auto refused = ensure();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "ecs CreateService: the step could not be recorded: the disk is full");
  EXPECT_TRUE(cloud.asked("CreateService").empty());
}

TEST_F(EcsServiceSync, TheJournalHasNoValueAndTheArnOfWhatWasMade) {
  aim.spec.environment = {{"OPENAI_API_KEY", "sk-very-secret"}};
  cloud.refuse("DescribeSecret", "ResourceNotFoundException");
  cloud.answer("CreateSecret", {{"ARN", "arn:aws:secretsmanager:us-east-2:1:secret:x-1"}});
  cloud.refuse("DescribeTaskDefinition", "ClientException");
  cloud.answer(
      "RegisterTaskDefinition",
      {{"taskDefinition", {{"executionRoleArn", "arn:role"}, {"taskDefinitionArn", kDefinition}}}});
  has_no_service();
  cloud.answer("CreateService", {{"service", {{"serviceArn", kService}}}});

  ASSERT_TRUE(ensure());

  EXPECT_EQ(journal.begun,
            (std::vector<std::string>{"secretsmanager CreateSecret agent-python-executor",
                                      "ecs RegisterTaskDefinition agent-python-executor",
                                      "ecs CreateService agent-python-executor"}));
  EXPECT_EQ(journal.results,
            (std::vector<std::string>{"arn:aws:secretsmanager:us-east-2:1:secret:x-1", kDefinition,
                                      kService}));
}

// What Secrets Manager says of the secret while it can be restored.
json deleted_secret(const std::string& installation) {
  return {{"ARN", "arn:x"},
          {"DeletedDate", 1.5},
          {"Tags", other_tags({{kInstallationTag, installation}, {kAppTag, "python-executor"}})}};
}

TEST_F(EcsServiceSync, ASecretThatIsBeingDeletedIsRestoredAndGetsTheValues) {
  aim.spec.environment = {{"A", "b"}};
  cloud.answer("DescribeSecret", deleted_secret(names.installation()));
  cloud.answer("RestoreSecret", json::object());
  cloud.answer("PutSecretValue", json::object());

  (void)ensure();  // what comes after the secret is not answered

  EXPECT_THAT(cloud.changes(), ElementsAre("RestoreSecret", "PutSecretValue"));
  EXPECT_EQ(cloud.asked("RestoreSecret").front(), json({{"SecretId", "arn:x"}}));
  const json put = cloud.asked("PutSecretValue").front();
  EXPECT_EQ(put.at("SecretId"), "arn:x");
  EXPECT_EQ(json::parse(put.at("SecretString").get<std::string>()), json({{"A", "b"}}));
}

TEST_F(EcsServiceSync, ASecretIsRestoredOnceWhenTheAnswerIsLost) {
  aim.spec.environment = {{"A", "b"}};
  json restored = deleted_secret(names.installation());
  cloud.answer("DescribeSecret", restored);
  restored.erase("DeletedDate");
  cloud.answer("DescribeSecret", restored);
  cloud.refuse("RestoreSecret", "ServiceUnavailable", "later", 503);
  cloud.answer("PutSecretValue", json::object());
  ASSERT_FALSE(ensure());
  const std::size_t tries = cloud.asked("RestoreSecret").size();

  (void)ensure();

  EXPECT_EQ(cloud.asked("RestoreSecret").size(), tries);
  EXPECT_EQ(cloud.asked("PutSecretValue").size(), 1U);
}

TEST_F(EcsServiceSync, ADeletedSecretOfOthersIsRefusedAndStaysDeleted) {
  aim.spec.environment = {{"A", "b"}};
  cloud.answer("DescribeSecret", deleted_secret("another"));

  const auto refused = ensure();

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(refused.error().message,
              HasSubstr("the secret agent-python-executor is there, but "));
  EXPECT_THAT(cloud.changes(), IsEmpty());
}

TEST_F(EcsServiceSync, AnAppThatComesAgainHasAVersionOfItsOwnInTheSameSecret) {
  aim.spec.environment = {{"A", "b"}};
  cloud.answer("DescribeSecret", deleted_secret(names.installation()));
  cloud.answer("RestoreSecret", json::object());
  cloud.answer("PutSecretValue", json::object());

  (void)ensure();
  aim.spec.deployment_id = "another";
  (void)ensure();

  const auto puts = cloud.asked("PutSecretValue");
  ASSERT_EQ(puts.size(), 2U);
  EXPECT_NE(puts[0].at("ClientRequestToken"), puts[1].at("ClientRequestToken"));
}

TEST_F(EcsServiceSync, AimsOutsideOfWhatAwsAllowsAreRefusedBeforeAnyCall) {
  aim.tasks = kMaxTasksOfService + 1;
  EXPECT_EQ(ensure().error().message, "tasks=5001: give 0 to 5000");
  aim.tasks = 1;
  settings = *read_settings(alb_environment());
  EXPECT_EQ(ensure().error().message, "rule_priority=0: give 1 to 49999");
  aim.rule_priority = kMaxRulePriority;
  EXPECT_EQ(ensure().error().code, ErrorCode::InvalidArgument);
  EXPECT_TRUE(cloud.world.asked.empty());
}

}  // namespace
}  // namespace pixell::engine::ecs
