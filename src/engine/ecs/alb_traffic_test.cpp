#include "engine/ecs/alb_traffic.hpp"

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
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kApp = "python-executor";
constexpr const char* kListener =
    "arn:aws:elasticloadbalancing:us-east-2:123456789012:listener/app/agents/1/2";
constexpr const char* kInstallation = "0123456789abcdef";

class OnePlace final : public RuleBook {
 public:
  Result<std::optional<model::RulePlace>> find(const std::string&) override { return place_; }
  Result<model::RulePlace> place(const std::string&, const model::RuleListener&) override {
    return *place_;
  }
  Result<std::vector<model::RulePlace>> all() override {
    std::vector<model::RulePlace> places;
    if (place_) places.push_back(*place_);
    return places;
  }
  std::optional<model::RulePlace> place_ =
      model::RulePlace{.app_id = kApp, .listener = kListener, .priority = 99};
};

/// An app whose revision 7 is in slot a and revision 8 in slot b.
struct EcsAlbTraffic : testing::Test {
  FakeAws cloud;
  aws::Services services{
      cloud.world.outside(),
      {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "s"}, {"AWS_REGION", "us-east-2"}}};
  MemoryJournal journal;
  OnePlace book;
  Settings settings = *read_settings(alb_environment());
  AlbTraffic traffic{
      {.aws = services, .journal = journal, .book = book, .clock = cloud.world.clock},
      settings,
      Names(kInstallation, {})};
  std::int64_t generation = 0;

  EcsAlbTraffic() {
    cloud.answer("DescribeServices", {{"services", {service("a", "7"), service("b", "8")}}});
    has_weights("1", "0");
    has_tags(ours());
    has_health("healthy");
    cloud.answer("ModifyRule", json::object());
    cloud.answer("DeleteRule", json::object());
    has_address("HTTPS", "443");
  }
  void has_address(const char* protocol, const char* port) {
    cloud.answer("DescribeListeners",
                 {{"Listeners", json::array({{{"Protocol", protocol}, {"Port", port}}})}});
    cloud.answer(
        "DescribeLoadBalancers",
        {{"LoadBalancers", json::array({{{"DNSName", "agents-1.us-east-2.elb.amazonaws.com"}}})}});
  }
  model::BalancerView view() {
    const auto view = traffic.view_of(kApp);
    EXPECT_TRUE(view && *view);
    return view && *view ? **view : model::BalancerView();
  }
  static Tags ours(const char* slot = nullptr) {
    Tags tags{{kInstallationTag, kInstallation}, {kAppTag, kApp}};
    if (slot != nullptr) tags[kSlotTag] = slot;
    return tags;
  }
  static json service(const char* slot, const char* revision) {
    Tags tags = ours(slot);
    tags[kRevisionTag] = revision;
    return {{"status", "ACTIVE"}, {"tags", ecs_tags(tags)}};
  }
  void has_weights(const char* a, const char* b) {
    json rules = json::array();
    for (const char* surface : {"g", "r"}) {
      json legs = json::array();
      for (const auto& [slot, weight] : {std::pair("a", a), std::pair("b", b)})
        legs.push_back(
            {{"TargetGroupArn", std::string("tg-") + slot + surface}, {"Weight", weight}});
      rules.push_back({{"RuleArn", std::string("rule-") + surface},
                       {"Priority", *surface == 'g' ? "99" : "100"},
                       {"Actions", json::array({{{"ForwardConfig", {{"TargetGroups", legs}}}}})}});
    }
    cloud.forget("DescribeRules");
    cloud.answer("DescribeRules", {{"Rules", rules}});
  }
  void has_tags(const Tags& of_rules) {
    json described = json::array();
    for (const char* rule : {"rule-g", "rule-r"})
      described.push_back({{"ResourceArn", rule}, {"Tags", other_tags(of_rules)}});
    for (const char* slot : {"a", "b"})
      for (const char* surface : {"g", "r"})
        described.push_back({{"ResourceArn", std::string("tg-") + slot + surface},
                             {"Tags", other_tags(ours(slot))}});
    cloud.forget("DescribeTags");
    cloud.answer("DescribeTags", {{"TagDescriptions", described}});
  }
  void has_health(const char* state) {
    cloud.forget("DescribeTargetHealth");
    cloud.answer("DescribeTargetHealth", {{"TargetHealthDescriptions",
                                           json::array({{{"TargetHealth", {{"State", state}}}}})}});
  }
  std::vector<HeldTraffic> follow(const std::map<std::int64_t, int>& shares) {
    model::RouteSnapshot snapshot{.generation = ++generation, .routes = {}};
    model::Route route{.app_id = kApp};
    for (const auto& [revision, weight] : shares)
      route.legs.push_back({.revision = revision, .weight_permille = weight});
    if (!shares.empty()) snapshot.routes.push_back(route);
    const auto held = traffic.follow(snapshot, {});
    EXPECT_TRUE(held) << held.error().message;
    return held ? *held : std::vector<HeldTraffic>();
  }
  /// The weights of both slots in the n-th ModifyRule.
  std::string weights(std::size_t n) {
    const json asked = cloud.asked("ModifyRule").at(n);
    const std::string legs = "Actions.member.1.ForwardConfig.TargetGroups.member.";
    return asked["RuleArn"].get<std::string>() + ' ' + asked[legs + "1.Weight"].get<std::string>() +
           ' ' + asked[legs + "2.Weight"].get<std::string>();
  }
};

TEST_F(EcsAlbTraffic, BothRulesGetTheSharesOfTheRoute) {
  EXPECT_THAT(follow({{7, 900}, {8, 100}}), IsEmpty());

  EXPECT_THAT(cloud.changes(), ElementsAre("ModifyRule", "ModifyRule"));
  EXPECT_EQ(weights(0), "rule-g 900 100");
  EXPECT_EQ(weights(1), "rule-r 900 100");
  EXPECT_THAT(journal.begun, ElementsAre("elbv2 ModifyRule rule-g", "elbv2 ModifyRule rule-r"));
  EXPECT_EQ(traffic.generation(), 1);
  EXPECT_FALSE(traffic.lags_behind(kApp, 1));
  EXPECT_TRUE(traffic.lags_behind(kApp, 2));
}

TEST_F(EcsAlbTraffic, TheWholeMovesFromSlotToSlotAndBack) {
  follow({{8, 1000}});
  EXPECT_EQ(weights(1), "rule-r 0 1");

  has_weights("0", "1");
  follow({{7, 1000}});
  EXPECT_EQ(weights(3), "rule-r 1 0");
}

TEST_F(EcsAlbTraffic, WhatIsAsItShouldBeIsLookedAtAndNotChanged) {
  follow({{7, 1000}});

  EXPECT_THAT(cloud.changes(), IsEmpty());
  EXPECT_THAT(cloud.asked("DescribeTargetHealth"), IsEmpty());
  const std::size_t calls = cloud.world.asked.size();

  for (int i = 0; i < 10; ++i) follow({{7, 1000}});

  EXPECT_EQ(cloud.world.asked.size(), calls) << "an app that does not change costs no call";
  EXPECT_FALSE(traffic.lags_behind(kApp, 11));
}

TEST_F(EcsAlbTraffic, WeightsThatOthersChangedAreRepaired) {
  follow({{7, 1000}});
  has_weights("0", "5");
  cloud.world.clock.advance(kDriftLook - Millis(1));
  follow({{7, 1000}});
  EXPECT_THAT(cloud.changes(), IsEmpty());

  cloud.world.clock.advance(Millis(1));
  follow({{7, 1000}});

  EXPECT_EQ(weights(0), "rule-g 1 0");
}

TEST_F(EcsAlbTraffic, ALookAtUnchangedWeightsCostsFourCallsAndOneOfTheListener) {
  follow({{7, 1000}});
  const std::size_t before = cloud.world.asked.size();
  const auto count = [&](const char* action) { return cloud.asked(action).size(); };
  const std::size_t tags = count("DescribeTags");

  cloud.world.clock.advance(kDriftLook);
  follow({{7, 1000}});

  EXPECT_EQ(cloud.world.asked.size() - before, 5U);
  EXPECT_EQ(count("DescribeTags") - tags, 3U) << "of the rules, and of the groups of each";
  EXPECT_EQ(count("DescribeRules"), 2U);
}

TEST_F(EcsAlbTraffic, NoWeightGoesToAGroupWithoutAHealthyTarget) {
  follow({{7, 1000}});
  has_health("initial");

  auto held = follow({{7, 900}, {8, 100}});

  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].app_id, kApp);
  EXPECT_EQ(held[0].why, "slot a has no healthy target in the rule of priority 99");
  EXPECT_FALSE(held[0].is_overdue);
  EXPECT_THAT(cloud.changes(), IsEmpty());
  EXPECT_TRUE(traffic.lags_behind(kApp, 2));
  EXPECT_FALSE(traffic.lags_behind(kApp, 1));
  EXPECT_FALSE(traffic.lags_behind("another", 2)) << "one app does not hold others";

  cloud.world.clock.advance(kHealthyTargetDeadline);
  held = follow({{7, 900}, {8, 100}});
  ASSERT_EQ(held.size(), 1U);
  EXPECT_TRUE(held[0].is_overdue);
  EXPECT_TRUE(traffic.lags_behind(kApp, 3));

  has_health("healthy");
  EXPECT_THAT(follow({{7, 900}, {8, 100}}), IsEmpty());
  EXPECT_EQ(weights(0), "rule-g 900 100");
  EXPECT_FALSE(traffic.lags_behind(kApp, 4));
}

TEST_F(EcsAlbTraffic, ARevisionThatIsInNoSlotHoldsTheApp) {
  const auto held = follow({{7, 500}, {9, 500}});

  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].why, "revision 9 is in no slot");
  EXPECT_THAT(cloud.changes(), IsEmpty());
  EXPECT_TRUE(traffic.lags_behind(kApp, 1));

  // Back to what was: nothing is held any more.
  EXPECT_THAT(follow({{7, 1000}}), IsEmpty());
  EXPECT_FALSE(traffic.lags_behind(kApp, 2));
}

TEST_F(EcsAlbTraffic, AChangeThatFailedIsMadeByTheNextCall) {
  cloud.forget("ModifyRule");
  cloud.answer("ModifyRule", json::object());
  cloud.refuse("ModifyRule", "AccessDenied", "not you", 403);
  cloud.answer("ModifyRule", json::object());

  const auto held = follow({{7, 500}, {8, 500}});

  ASSERT_EQ(held.size(), 1U);
  EXPECT_THAT(held[0].why, HasSubstr("elbv2 ModifyRule: AccessDenied"));
  EXPECT_TRUE(traffic.lags_behind(kApp, 1)) << "one of two rules is not enough";

  EXPECT_THAT(follow({{7, 500}, {8, 500}}), IsEmpty());
  EXPECT_FALSE(traffic.lags_behind(kApp, 2));
}

TEST_F(EcsAlbTraffic, RulesOfOthersAreNotTouched) {
  has_tags({});

  const auto held = follow({{7, 500}, {8, 500}});

  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].why, std::string("0 of its 2 rules are at priority 99 of ") + kListener);
  EXPECT_THAT(cloud.changes(), IsEmpty());
}

TEST_F(EcsAlbTraffic, AnAppWithoutAPlaceIsHeld) {
  book.place_.reset();

  const auto held = follow({{7, 1000}});

  ASSERT_EQ(held.size(), 1U);
  EXPECT_THAT(held[0].why, HasSubstr("no place in a load balancer yet: its next deployment"));
  EXPECT_TRUE(traffic.lags_behind(kApp, 1));
  EXPECT_EQ(view().waits_for, held[0].why);
  EXPECT_EQ(view().listener, "");
}

TEST_F(EcsAlbTraffic, APlaceIsToldWithItsAddress) {
  EXPECT_EQ(view().url, "") << "nobody was asked yet";
  follow({{7, 1000}});

  EXPECT_EQ(view().load_balancer,
            "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/agents/1");
  EXPECT_EQ(cloud.asked("DescribeLoadBalancers")[0]["LoadBalancerArns.member.1"],
            view().load_balancer);
  EXPECT_EQ(view().listener, kListener);
  EXPECT_EQ(view().dns_name, "agents-1.us-east-2.elb.amazonaws.com");
  EXPECT_EQ(view().url, "https://agents-1.us-east-2.elb.amazonaws.com/agents/python-executor/");
  EXPECT_THAT(view().priorities, ElementsAre(99, 100));
  EXPECT_EQ(view().waits_for, "");
}

TEST_F(EcsAlbTraffic, APortThatIsNotTheUsualOneIsInTheAddress) {
  cloud.forget("DescribeListeners");
  has_address("HTTP", "8080");
  follow({{7, 1000}});

  EXPECT_EQ(view().url, "http://agents-1.us-east-2.elb.amazonaws.com:8080/agents/python-executor/");
}

TEST_F(EcsAlbTraffic, AnAppThatWasNeverHereIsNotShown) {
  book.place_.reset();

  const auto view = traffic.view_of(kApp);

  ASSERT_TRUE(view);
  EXPECT_FALSE(*view);
}

TEST_F(EcsAlbTraffic, WhyAnAppWaitsIsInItsViewUntilItMoved) {
  follow({{7, 1000}});
  has_health("initial");
  follow({{7, 900}, {8, 100}});
  EXPECT_EQ(view().waits_for, "slot a has no healthy target in the rule of priority 99");

  has_health("healthy");
  follow({{7, 900}, {8, 100}});
  EXPECT_EQ(view().waits_for, "");
}

TEST_F(EcsAlbTraffic, AnAddressThatCouldNotBeAskedForHoldsNothingAndIsAskedForLater) {
  cloud.forget("DescribeLoadBalancers");
  cloud.refuse("DescribeLoadBalancers", "AccessDenied", "not you", 403);
  EXPECT_THAT(follow({{7, 1000}}), IsEmpty());
  EXPECT_EQ(view().listener, kListener);
  EXPECT_EQ(view().url, "");

  cloud.forget("DescribeLoadBalancers");
  cloud.forget("DescribeListeners");
  has_address("HTTPS", "443");
  follow({{7, 1000}});
  EXPECT_EQ(view().url, "") << "not with every look";
  cloud.world.clock.advance(kAddressRetry);
  follow({{7, 1000}});

  EXPECT_EQ(view().dns_name, "agents-1.us-east-2.elb.amazonaws.com");
}

TEST_F(EcsAlbTraffic, TheRulesOfAnAppWithoutARouteGoBeforeItsTasks) {
  follow({{7, 1000}});
  cloud.forget("DeleteRule");
  cloud.refuse("DeleteRule", "AccessDenied", "not you", 403);
  cloud.answer("DeleteRule", json::object());

  EXPECT_EQ(follow({}).size(), 1U);
  EXPECT_TRUE(traffic.lags_behind(kApp, 2));
  EXPECT_THAT(follow({}), IsEmpty());
  EXPECT_FALSE(traffic.lags_behind(kApp, 3));
  const std::size_t calls = cloud.world.asked.size();
  follow({});
  EXPECT_EQ(cloud.world.asked.size(), calls);
  EXPECT_EQ(cloud.asked("DeleteRule").size(), 3U);
}

}  // namespace
}  // namespace pixell::engine::ecs
