#include "engine/ecs/orphans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
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

struct EcsOrphans : testing::Test {
  FakeAws cloud;
  aws::Services services{
      cloud.world.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  MemoryJournal journal;
  Settings settings = *read_settings(alb_environment());
  std::set<std::string> live;
  bool has_places = true;
  std::function<Result<bool>(const std::string&)> is_live =
      [this](const std::string& app) -> Result<bool> { return live.contains(app); };
  Orphans orphans = of_settings(settings);

  Orphans of_settings(const Settings& given) {
    return Orphans(
        {.aws = services, .journal = journal, .clock = cloud.world.clock}, given,
        Names(kInstallation, {}),
        {.is_live = [this](const std::string& app) { return is_live(app); },
         .place = [this](const std::string& app) -> Result<std::optional<model::RulePlace>> {
           if (!has_places) return std::optional<model::RulePlace>();
           return model::RulePlace{
               .app_id = app, .listener = settings.listeners.front(), .priority = 100};
         }});
  }

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
    const auto found = orphans.list();
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

  has_places = false;
  EXPECT_THAT(listed(), IsEmpty()) << "where it belongs is not known";
}

TEST_F(EcsOrphans, WithoutALoadBalancerAllRulesAreLeftOver) {
  live = {"here"};
  settings.routing = Routing::Edge;
  Orphans edge = of_settings(settings);
  has_rules({{"100", of("here")}});

  const auto found = edge.list();

  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 1U);
  EXPECT_FALSE(found->front().is_app_gone);
}

TEST_F(EcsOrphans, WithoutListenersLoadBalancersAreNotAskedAbout) {
  settings.routing = Routing::Edge;
  settings.listeners.clear();
  Orphans edge = of_settings(settings);

  const auto found = edge.list();

  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(cloud.asked("DescribeTargetGroups"), IsEmpty());
}

TEST_F(EcsOrphans, NothingOfAnAppThatIsThereIsRemoved) {
  live = {"here"};
  has_rules({{"200", of("here")}});

  const auto collected = orphans.collect();

  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_THAT(collected->removed, IsEmpty());
  EXPECT_THAT(cloud.changes(), IsEmpty());
}

TEST_F(EcsOrphans, AnAppThatCameBackAfterTheListingStays) {
  has_rules({{"200", of("app")}});
  int asked = 0;
  is_live = [&](const std::string&) -> Result<bool> { return ++asked > 1; };

  const auto collected = orphans.collect();

  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_EQ(asked, 2);
  EXPECT_THAT(cloud.changes(), IsEmpty());
}

TEST_F(EcsOrphans, OfAnAppThatComesBackAmidItsRemovalNothingMoreGoes) {
  has_rules({{"200", of("app")}, {"201", of("app")}});
  is_live = [this](const std::string&) -> Result<bool> { return !cloud.changes().empty(); };

  const auto collected = orphans.collect();

  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_THAT(collected->failed, ElementsAre(HasSubstr("the app app is there again")));
  EXPECT_THAT(cloud.changes(), ElementsAre("DeleteRule"));
}

TEST_F(EcsOrphans, OneThatFailsDoesNotKeepOthers) {
  has_rules({{"200", of("a")}, {"201", of("b")}});
  cloud.forget("DeleteRule");
  cloud.refuse("DeleteRule", "AccessDenied", "no", 403);
  cloud.answer("DeleteRule", json::object());

  const auto collected = orphans.collect();

  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_THAT(collected->failed, ElementsAre(HasSubstr("a: elbv2 DeleteRule: AccessDenied")));
  EXPECT_THAT(collected->removed, ElementsAre("b"));
}

TEST_F(EcsOrphans, WhatCannotBeAskedIsNotTakenAsGone) {
  has_rules({{"200", of("app")}});
  is_live = [](const std::string&) -> Result<bool> {
    return make_error(ErrorCode::Unavailable, "the store is away");
  };

  EXPECT_EQ(orphans.collect().error().message, "the store is away");
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
  const auto collected = orphans.collect();

  ASSERT_TRUE(collected) << collected.error().message;
  EXPECT_THAT(collected->removed, ElementsAre("gone"));
  EXPECT_THAT(cloud.changes(), ElementsAre("DeleteSecret"));
}

}  // namespace
}  // namespace pixell::engine::ecs
