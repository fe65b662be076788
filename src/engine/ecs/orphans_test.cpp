#include "engine/ecs/orphans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

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
using testing::IsEmpty;
using testing::Not;

constexpr const char* kInstallation = "0123456789abcdef";
constexpr Millis kAge{3'600'000};

struct EcsOrphans : testing::Test {
  FakeAws cloud;
  aws::Services services{
      cloud.world.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  MemoryJournal journal;
  Settings settings = *read_settings(alb_environment());
  Orphans orphans{{.aws = services, .journal = journal, .clock = cloud.world.clock},
                  settings,
                  Names(kInstallation, {})};
  std::set<std::string> live;
  Orphans::InUse in_use{
      .is_live = [this](const std::string& app) -> Result<bool> { return live.contains(app); },
      .place = [this](const std::string& app) -> Result<std::optional<model::RulePlace>> {
        return model::RulePlace{
            .app_id = app, .listener = settings.listeners.front(), .priority = 100};
      }};

  EcsOrphans() {
    cloud.answer("ListServices", {{"serviceArns", json::array()}});
    cloud.answer("DescribeServices", {{"services", json::array()}});
    cloud.answer("ListTaskDefinitions", {{"taskDefinitionArns", json::array()}});
    cloud.answer("ListSecrets", {{"SecretList", json::array()}});
    cloud.refuse("DescribeSecret", "ResourceNotFoundException");
  }

  static Tags of(const std::string& app, const std::string& installation = kInstallation) {
    return {{kInstallationTag, installation}, {kAppTag, app}};
  }
  void has_rules(const std::map<std::string, Tags>& by_priority) {
    json rules = json::array();
    json tagged = json::array();
    for (const auto& [priority, tags] : by_priority) {
      rules.push_back({{"RuleArn", "rule-" + priority}, {"Priority", priority}});
      tagged.push_back({{"ResourceArn", "rule-" + priority}, {"Tags", other_tags(tags)}});
    }
    cloud.answer("DescribeRules", {{"Rules", rules}});
    cloud.answer("DescribeTags", {{"TagDescriptions", tagged}});
    cloud.answer("DescribeTargetGroups", {{"TargetGroups", json::array()}});
    cloud.answer("DeleteRule", json::object());
  }
  std::vector<std::string> listed() {
    const auto found = orphans.list(in_use);
    EXPECT_TRUE(found) << found.error().message;
    std::vector<std::string> resources;
    for (const Orphan& each : *found) resources.push_back(each.resource);
    return resources;
  }
};

TEST_F(EcsOrphans, WhatOthersMadeAndWhatHasNoTagsIsNotListed) {
  has_rules({{"100", of("gone", "another-installation")},
             {"101", {}},
             {"102", {{kAppTag, "gone"}}},
             {"103", {{kInstallationTag, kInstallation}}},
             {"104", of("gone")}});

  EXPECT_THAT(listed(), ElementsAre("rule-104"));
  EXPECT_THAT(cloud.changes(), IsEmpty());
}

TEST_F(EcsOrphans, OfAnAppThatIsThereOnlyWhatItDoesNotUseIsLeftOver) {
  live = {"here"};
  has_rules({{"100", of("here")}, {"101", of("here")}, {"200", of("here")}});
  EXPECT_THAT(listed(), ElementsAre("rule-200"));

  in_use.place = [](const std::string&) { return std::optional<model::RulePlace>(); };
  EXPECT_THAT(listed(), IsEmpty()) << "where it belongs is not known";
}

TEST_F(EcsOrphans, WithoutALoadBalancerAllRulesAreLeftOver) {
  live = {"here"};
  settings.routing = Routing::Edge;
  Orphans edge({.aws = services, .journal = journal, .clock = cloud.world.clock}, settings,
               Names(kInstallation, {}));
  has_rules({{"100", of("here")}});

  const auto found = edge.list(in_use);

  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 1U);
  EXPECT_FALSE(found->front().is_app_gone);
}

TEST_F(EcsOrphans, AgeIsCountedFromTheFirstLook) {
  live = {"here"};
  has_rules({{"200", of("here")}});

  ASSERT_TRUE(orphans.collect(in_use, kAge));
  cloud.world.clock.advance(kAge - Millis(1));
  ASSERT_TRUE(orphans.collect(in_use, kAge));
  EXPECT_THAT(cloud.changes(), IsEmpty());

  cloud.world.clock.advance(Millis(1));
  const auto collected = orphans.collect(in_use, kAge);

  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_THAT(collected->removed, ElementsAre("rule-200"));
  EXPECT_THAT(cloud.changes(), ElementsAre("DeleteRule"));
}

TEST_F(EcsOrphans, WhatWasInUseMeanwhileBeginsAnew) {
  has_rules({{"200", of("app")}});
  ASSERT_TRUE(orphans.collect(in_use, kAge));
  cloud.world.clock.advance(kAge);
  live = {"app"};
  in_use.place = [](const std::string&) { return std::optional<model::RulePlace>(); };
  ASSERT_TRUE(orphans.collect(in_use, kAge));

  live.clear();
  ASSERT_TRUE(orphans.collect(in_use, kAge));

  EXPECT_THAT(cloud.changes(), IsEmpty());
}

TEST_F(EcsOrphans, AnAppThatCameBackAfterTheListingStays) {
  has_rules({{"200", of("app")}});
  int asked = 0;
  in_use.is_live = [&](const std::string&) -> Result<bool> { return ++asked > 1; };

  const auto collected = orphans.collect(in_use, Millis(0));

  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_EQ(asked, 2);
  EXPECT_THAT(cloud.changes(), IsEmpty());
}

TEST_F(EcsOrphans, OneThatFailsDoesNotKeepOthers) {
  live = {"a", "b"};
  has_rules({{"200", of("a")}, {"201", of("b")}});
  cloud.forget("DeleteRule");
  cloud.refuse("DeleteRule", "AccessDenied", "no", 403);
  cloud.answer("DeleteRule", json::object());

  const auto collected = orphans.collect(in_use, Millis(0));

  ASSERT_TRUE(collected) << collected.error().message;
  ASSERT_EQ(collected->failed.size(), 1U);
  EXPECT_THAT(collected->failed[0], HasSubstr("rule-200: elbv2 DeleteRule: AccessDenied"));
  EXPECT_THAT(collected->removed, ElementsAre("rule-201"));
}

TEST_F(EcsOrphans, WhatCannotBeAskedIsNotTakenAsGone) {
  has_rules({{"200", of("app")}});
  in_use.is_live = [](const std::string&) -> Result<bool> {
    return make_error(ErrorCode::Unavailable, "the store is away");
  };

  EXPECT_EQ(orphans.collect(in_use, Millis(0)).error().message, "the store is away");
  EXPECT_THAT(cloud.changes(), IsEmpty());
}

TEST_F(EcsOrphans, AnAppThatIsGoneGoesAsAWhole) {
  cloud.forget("ListSecrets");
  cloud.forget("DescribeSecret");
  const json tags = other_tags(of("gone"));
  cloud.answer(
      "ListSecrets",
      {{"SecretList",
        json::array({{{"ARN", "arn:secret"}, {"Name", "agent-gone"}, {"Tags", tags}},
                     {{"ARN", "arn:other"}, {"Name", "somebody-elses"}, {"Tags", tags}}})}});
  cloud.answer("DescribeSecret", {{"ARN", "arn:secret"}, {"Tags", tags}});
  cloud.answer("DeleteSecret", json::object());
  has_rules({});

  EXPECT_THAT(listed(), ElementsAre("arn:secret"));
  const auto collected = orphans.collect(in_use, Millis(0));

  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_THAT(collected->removed, ElementsAre("gone"));
  EXPECT_THAT(cloud.changes(), ElementsAre("DeleteSecret"));
}

}  // namespace
}  // namespace pixell::engine::ecs
