#include "engine/ecs/rule_placer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/testing/fake_aws.hpp"
#include "engine/ecs/testing/good_settings.hpp"

namespace pixell::engine::ecs {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string kFirst = alb_environment().at("PAC_ECS_LISTENER");
const std::string kSecond =
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener/app/second/3/4";

/// A store that has room for what it is told.
class FakeBook final : public RuleBook {
 public:
  Result<std::optional<model::RulePlace>> find(const std::string& app_id) override {
    for (const model::RulePlace& place : places)
      if (place.app_id == app_id) return std::optional(place);
    return std::optional<model::RulePlace>();
  }
  Result<model::RulePlace> place(const std::string& app_id,
                                 const model::RuleListener& listener) override {
    asked.push_back(listener);
    std::size_t there = 0;
    for (const model::RulePlace& place : places) there += place.listener == listener.arn;
    if (there >= listener.max_apps) return make_error(ErrorCode::ResourceExhausted, "full");
    return add(app_id, listener.arn);
  }
  Result<std::vector<model::RulePlace>> all() override { return places; }

  model::RulePlace add(const std::string& app_id, const std::string& listener) {
    int priority = 1;
    for (const model::RulePlace& place : places) priority += place.listener == listener ? 2 : 0;
    places.push_back({.app_id = app_id, .listener = listener, .priority = priority});
    return places.back();
  }

  std::vector<model::RulePlace> places;
  std::vector<model::RuleListener> asked;
};

struct EcsRulePlacer : testing::Test {
  FakeAws cloud;
  aws::Services services{
      cloud.world.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  FakeBook book;
  Settings settings = *read_settings(good_environment());

  EcsRulePlacer() {
    settings.routing = Routing::Alb;
    settings.listeners = {kFirst, kSecond};
  }
  Result<model::RulePlace> place(const std::string& app) {
    return RulePlacer(services, book, settings).place(app);
  }
  /// A load balancer with so many target groups, one listener and its rules.
  void has(int groups, const json& rules = json::array(), const std::string& listener = kFirst) {
    json list = json::array();
    for (int i = 0; i < groups; ++i)
      list.push_back({{"TargetGroupArn", "tg-" + std::to_string(i)}});
    cloud.answer("DescribeTargetGroups", {{"TargetGroups", list}});
    cloud.answer("DescribeListeners", {{"Listeners", json::array({{{"ListenerArn", listener}}})}});
    cloud.answer("DescribeRules", {{"Rules", rules}});
  }
  static json rule(int priority, const json& groups = json::array()) {
    json legs = json::array();
    for (const json& each : groups) legs.push_back({{"TargetGroupArn", each}, {"Weight", "1"}});
    return {{"Priority", std::to_string(priority)},
            {"Actions", json::array({{{"ForwardConfig", {{"TargetGroups", legs}}}}})}};
  }
};

TEST_F(EcsRulePlacer, AnEmptyLoadBalancerHasRoomForTwentyOneApps) {
  has(0);

  const auto placed = place("app");

  ASSERT_TRUE(placed) << placed.error().message;
  EXPECT_EQ(placed->listener, kFirst);
  EXPECT_EQ(book.asked.at(0).max_apps, 21U);
  EXPECT_EQ(cloud.asked("DescribeTargetGroups")[0]["LoadBalancerArn"],
            "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/"
            "pixell-runtime-alb/1");
}

TEST_F(EcsRulePlacer, ALoadBalancerThatLeadsNowhereYetIsEmpty) {
  cloud.refuse("DescribeTargetGroups", "TargetGroupNotFound", "none");
  cloud.answer("DescribeListeners", {{"Listeners", json::array()}});

  EXPECT_TRUE(place("app"));
  EXPECT_EQ(book.asked.at(0).max_apps, 21U);
}

TEST_F(EcsRulePlacer, WhatOthersUseIsTakenOff) {
  book.add("ours", kFirst);
  json rules = json::array({json{{"Priority", "default"}}, rule(1, {"tg-0"}), rule(2, {"tg-1"})});
  for (int i = 0; i < 80; ++i) rules.push_back(rule(1000 + i));
  has(12, rules);

  ASSERT_TRUE(place("app"));

  // 85 - 10 groups are of 18 apps; 100 - 80 rules of 10.
  EXPECT_EQ(book.asked.at(0).max_apps, 10U);
  EXPECT_EQ(book.asked.at(0).taken.size(), 80U);
  EXPECT_TRUE(book.asked.at(0).taken.contains(1079));
}

TEST_F(EcsRulePlacer, AnAppKeepsItsPlaceWithoutACall) {
  const model::RulePlace before = book.add("app", kSecond);

  EXPECT_EQ(*place("app"), before);
  EXPECT_TRUE(cloud.world.asked.empty());

  settings.listeners = {kFirst};
  const auto refused = place("app");
  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr(kSecond + ", which PAC_ECS_LISTENERS does not"));
}

TEST_F(EcsRulePlacer, TheNextLoadBalancerTakesWhatTheFirstHasNoRoomFor) {
  for (int i = 0; i < 21; ++i) book.add("app-" + std::to_string(i), kFirst);
  has(0, json::array(), kSecond);

  EXPECT_EQ(place("another")->listener, kSecond);
  EXPECT_EQ(cloud.asked("DescribeTargetGroups").size(), 1U) << "the first one is full by our apps";
}

TEST_F(EcsRulePlacer, WhenAllAreFullTheRemedyIsTold) {
  for (int i = 0; i < 21; ++i) book.add("app-" + std::to_string(i), kFirst);
  has(90, json::array(), kSecond);

  const auto refused = place("another");

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::ResourceExhausted);
  EXPECT_THAT(refused.error().message,
              HasSubstr("none of the 2 load balancers of PAC_ECS_LISTENERS has room for the app "
                        "another (21 apps are placed; 21 fit"));
  EXPECT_THAT(refused.error().message, HasSubstr("add the ARN of an HTTPS listener of another"));
  EXPECT_TRUE(cloud.changes().empty());
}

TEST_F(EcsRulePlacer, SomebodyFasterMakesItLookFurther) {
  for (int i = 0; i < 10; ++i) book.add("app-" + std::to_string(i), kFirst);
  has(45);
  has(0, json::array(), kSecond);

  EXPECT_EQ(place("another")->listener, kSecond);
  EXPECT_EQ(book.asked.size(), 2U);
}

TEST_F(EcsRulePlacer, ALoadBalancerThatCannotBeSeenIsTold) {
  cloud.refuse("DescribeTargetGroups", "LoadBalancerNotFound", "gone");

  const auto refused = place("app");

  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("LoadBalancerNotFound"));
}

}  // namespace
}  // namespace pixell::engine::ecs
