#include "engine/ecs/removal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/tags.hpp"
#include "engine/ecs/testing/fake_aws.hpp"
#include "engine/ecs/testing/good_settings.hpp"
#include "engine/ecs/testing/memory_journal.hpp"

namespace pixell::engine::ecs {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kApp = "python-executor";
constexpr const char* kName = "agent-python-executor";
constexpr const char* kInstallation = "0123456789abcdef";

struct EcsRemoval : testing::Test {
  FakeAws cloud;
  aws::Services services{
      cloud.world.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  MemoryJournal journal;
  Settings settings = *read_settings(alb_environment());
  AppRemoval removal{{.aws = services, .journal = journal, .clock = cloud.world.clock},
                     settings,
                     Names(kInstallation, {})};

  static Tags ours(const char* slot = nullptr) {
    Tags tags{{kInstallationTag, kInstallation}, {kAppTag, kApp}};
    if (slot != nullptr) tags[kSlotTag] = slot;
    return tags;
  }
  static json rule(const std::string& priority, const json& legs) {
    return {{"RuleArn", "rule-" + priority},
            {"Priority", priority},
            {"Actions", {{{"Type", "forward"}, {"ForwardConfig", {{"TargetGroups", legs}}}}}}};
  }
  static json leg(const char* arn, const char* weight) {
    return {{"TargetGroupArn", arn}, {"Weight", weight}};
  }
  static json service(const json& changes = json::object()) {
    json made = {{"serviceArn", "arn:service"}, {"status", "ACTIVE"},
                 {"desiredCount", 1},           {"runningCount", 1},
                 {"pendingCount", 0},           {"loadBalancers", {{{"targetGroupArn", "tg-a"}}}},
                 {"tags", ecs_tags(ours("a"))}};
    made.update(changes);
    return made;
  }
  static json tagged(const char* arn, const Tags& tags) {
    return {{"ResourceArn", arn}, {"Tags", other_tags(tags)}};
  }

  /// Nothing is there.
  void is_empty() {
    cloud.answer("DescribeRules", {{"Rules", json::array()}});
    has_no_service();
    has_no_groups();
    cloud.answer("ListTaskDefinitions", {{"taskDefinitionArns", json::array()}});
    cloud.refuse("DescribeSecret", "ResourceNotFoundException");
  }
  void has_no_service() { cloud.answer("DescribeServices", {{"services", json::array()}}); }
  void has_no_groups() { cloud.refuse("DescribeTargetGroups", "TargetGroupNotFound"); }
  void has_service(const json& changes = json::object()) {
    cloud.answer("DescribeServices", {{"services", {service(changes)}}});
  }
  /// A rule of ours with a target group of ours.
  void has_rule() {
    cloud.answer("DescribeRules", {{"Rules",
                                    {rule("100", json::array({leg("tg-a", "1")})),
                                     rule("7", json::array({leg("tg-x", "1")}))}}});
    cloud.answer("DescribeTags",
                 {{"TagDescriptions", {tagged("rule-100", ours()), tagged("rule-7", {})}}});
    cloud.answer("DescribeTags", {{"TagDescriptions", {tagged("tg-a", ours("a"))}}});
    has_no_groups();
  }
};

TEST_F(EcsRemoval, AnAppOfWhichNothingIsThereIsDone) {
  is_empty();

  const auto removed = removal.remove(kApp);

  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(removed->is_done);
  EXPECT_THAT(cloud.changes(), ElementsAre());
  EXPECT_TRUE(journal.begun.empty());
}

TEST_F(EcsRemoval, NoNewRequestsThenNoTasksThenWhatTheyNeeded) {
  has_rule();
  has_service();
  has_no_service();
  cloud.answer("DeleteRule", json::object());
  cloud.answer("UpdateService", {{"service", service({{"desiredCount", 0}, {"runningCount", 0}})}});
  cloud.answer("DeleteService", json::object());
  cloud.answer("DeleteTargetGroup", json::object());
  cloud.answer("ListTaskDefinitions",
               {{"taskDefinitionArns", {"arn:x/agent-python-executor:1", "arn:x/agent-python:1"}}});
  cloud.answer("DescribeTaskDefinition", {{"tags", ecs_tags(ours())}});
  cloud.answer("DeregisterTaskDefinition", json::object());
  cloud.answer("DescribeSecret", {{"ARN", "arn:secret"}, {"Tags", other_tags(ours())}});
  cloud.answer("DeleteSecret", json::object());
  // The service is looked at for its target groups first.
  cloud.forget("DescribeServices");
  has_service();
  has_no_service();
  has_service();
  has_no_service();

  const auto removed = removal.remove(kApp);

  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(removed->is_done) << removed->waits_for;
  EXPECT_THAT(cloud.changes(),
              ElementsAre("DeleteRule", "UpdateService", "DeleteService", "DeleteTargetGroup",
                          "DeregisterTaskDefinition", "DeleteSecret"));
  EXPECT_EQ(cloud.asked("DeleteRule")[0]["RuleArn"], "rule-100");
  EXPECT_EQ(cloud.asked("DeleteTargetGroup")[0]["TargetGroupArn"], "tg-a");
  EXPECT_EQ(cloud.asked("UpdateService")[0]["desiredCount"], 0);
  EXPECT_EQ(cloud.asked("DeleteSecret")[0]["RecoveryWindowInDays"], kMinRecoveryDays);
  EXPECT_EQ(journal.begun.front(), "elbv2 DeleteTargetGroup tg-a") << "noted before it is lost";
  EXPECT_TRUE(journal.open(kApp)->empty());
}

TEST_F(EcsRemoval, TasksAreWaitedForUntilTheDeadlineThenTheServiceGoesByForce) {
  is_empty();
  cloud.forget("DescribeServices");
  has_service({{"desiredCount", 0}, {"loadBalancers", json::array()}});
  cloud.answer("DeleteService", json::object());

  const auto waiting = removal.remove(kApp);

  ASSERT_TRUE(waiting) << waiting.error().message;
  EXPECT_FALSE(waiting->is_done);
  EXPECT_EQ(waiting->waits_for, "1 tasks of the service agent-python-executor to end");
  EXPECT_THAT(cloud.changes(), ElementsAre());

  cloud.world.clock.advance(kDrainDeadline);
  const auto forced = removal.remove(kApp);

  ASSERT_TRUE(forced) << forced.error().message;
  EXPECT_EQ(cloud.asked("DeleteService")[0]["force"], true);
  EXPECT_FALSE(forced->is_done) << "it is still there";
}

TEST_F(EcsRemoval, AServiceThatEcsIsDeletingIsWaitedForAndItsGroupsStay) {
  is_empty();
  cloud.forget("DescribeServices");
  has_service({{"status", "DRAINING"}, {"loadBalancers", json::array()}});

  const auto waiting = removal.remove(kApp);

  ASSERT_TRUE(waiting) << waiting.error().message;
  EXPECT_EQ(waiting->waits_for, "the service agent-python-executor, which ECS is deleting");
  EXPECT_THAT(cloud.changes(), ElementsAre());
}

TEST_F(EcsRemoval, ATargetGroupInUseIsWaitedForWithItsStepOpen) {
  is_empty();
  cloud.refuse("DeleteTargetGroup", "ResourceInUse");
  ASSERT_TRUE(journal.begin({kApp, "elbv2 DeleteTargetGroup", "tg-old"}));

  const auto waiting = removal.remove(kApp);

  ASSERT_TRUE(waiting) << waiting.error().message;
  EXPECT_EQ(waiting->waits_for, "a target group that is still in use");
  EXPECT_EQ(journal.open(kApp)->size(), 1U);
}

TEST_F(EcsRemoval, WhatOthersMadeStaysAndIsTold) {
  is_empty();
  cloud.forget("DescribeServices");
  has_service({{"tags", json::array()}});

  const auto refused = removal.remove(kApp);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(refused.error().message,
              HasSubstr("agent-python-executor of pixell-runtime-cluster"));
  EXPECT_THAT(refused.error().message, HasSubstr("to have it removed"));
  EXPECT_THAT(cloud.changes(), ElementsAre());
}

TEST_F(EcsRemoval, ASecretOfOthersStaysAndIsTold) {
  is_empty();
  cloud.forget("DescribeSecret");
  cloud.answer("DescribeSecret", {{"ARN", "arn:secret"}, {"Tags", json::array()}});

  const auto refused = removal.remove(kApp);

  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(std::string("the secret ") + kName));
  EXPECT_THAT(cloud.changes(), Not(Contains("DeleteSecret")));
}

TEST_F(EcsRemoval, ASecretWithoutRecoveryIsGoneAtOnceAndOneBeingDeletedIsLeft) {
  is_empty();
  settings.secret_recovery_days = 0;
  AppRemoval at_once({.aws = services, .journal = journal, .clock = cloud.world.clock}, settings,
                     Names(kInstallation, {}));
  cloud.forget("DescribeSecret");
  cloud.answer("DescribeSecret", {{"ARN", "arn:secret"}, {"Tags", other_tags(ours())}});
  cloud.answer("DescribeSecret",
               {{"ARN", "arn:secret"}, {"Tags", json::array()}, {"DeletedDate", 1.5}});
  cloud.answer("DeleteSecret", json::object());

  ASSERT_TRUE(at_once.remove(kApp));
  ASSERT_TRUE(at_once.remove(kApp));

  ASSERT_EQ(cloud.asked("DeleteSecret").size(), 1U);
  EXPECT_EQ(cloud.asked("DeleteSecret")[0]["ForceDeleteWithoutRecovery"], true);
}

TEST_F(EcsRemoval, ManyDefinitionsGoSomeAtATime) {
  is_empty();
  json arns = json::array();
  for (std::size_t i = 0; i <= kDeregisteredAtOnce; ++i)
    arns.push_back("arn:x/agent-python-executor:" + std::to_string(i));
  cloud.forget("ListTaskDefinitions");
  cloud.answer("ListTaskDefinitions", {{"taskDefinitionArns", arns}});
  cloud.answer("DescribeTaskDefinition", {{"tags", ecs_tags(ours())}});
  cloud.answer("DeregisterTaskDefinition", json::object());

  const auto waiting = removal.remove(kApp);

  ASSERT_TRUE(waiting) << waiting.error().message;
  EXPECT_EQ(waiting->waits_for, "the rest of the task definitions");
  EXPECT_EQ(cloud.asked("DeregisterTaskDefinition").size(), kDeregisteredAtOnce);
}

TEST_F(EcsRemoval, NothingIsChangedThatCouldNotBeRecorded) {
  has_rule();
  has_no_service();
  journal.is_broken = true;

  const auto refused = removal.remove(kApp);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the disk is full");
  EXPECT_THAT(cloud.changes(), ElementsAre());
}

TEST_F(EcsRemoval, ALostAnswerIsGoneOnFrom) {
  has_rule();
  cloud.answer("DescribeRules", {{"Rules", json::array()}});
  has_no_service();
  cloud.refuse("DeleteRule", "InternalFailure", "", 503);
  cloud.answer("DeleteTargetGroup", json::object());
  cloud.answer("ListTaskDefinitions", {{"taskDefinitionArns", json::array()}});
  cloud.refuse("DescribeSecret", "ResourceNotFoundException");

  ASSERT_FALSE(removal.remove(kApp));
  const auto removed = removal.remove(kApp);

  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_TRUE(removed->is_done);
  EXPECT_EQ(cloud.asked("DeleteTargetGroup")[0]["TargetGroupArn"], "tg-a");
  EXPECT_TRUE(journal.open(kApp)->empty());
}

}  // namespace
}  // namespace pixell::engine::ecs
