#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "store/testing/conformance.hpp"

// What every backend must do for apps that a load balancer leads to: places of their rules.

namespace pixell::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

model::RulePlace at(const std::string& app, const std::string& listener, int priority) {
  return {.app_id = app, .listener = listener, .priority = priority};
}

TEST_P(StoreTest, GivesNeighbouringPrioritiesThatNobodyElseHas) {
  for (const char* app : {"a", "b", "c"}) accept(app);
  const std::vector<model::RuleListener> listeners{{.arn = "one", .max_apps = 2, .taken = {4, 5}},
                                                   {.arn = "two", .max_apps = 9, .taken = {1}}};

  EXPECT_EQ(*store_->place_rules("a", listeners), at("a", "one", 1));
  EXPECT_EQ(*store_->place_rules("b", listeners), at("b", "one", 7));
  EXPECT_EQ(*store_->place_rules("c", listeners), at("c", "two", 3));

  EXPECT_THAT(*store_->rule_places(),
              ElementsAre(at("a", "one", 1), at("b", "one", 7), at("c", "two", 3)));
}

TEST_P(StoreTest, KeepsThePlaceOfAnAppWhateverTheListenersAre) {
  accept("a");
  const auto place = store_->place_rules("a", {{.arn = "one", .max_apps = 1}});
  ASSERT_TRUE(place) << place.error().message;
  const std::int64_t events = *store_->last_event();

  EXPECT_EQ(*store_->place_rules("a", {{.arn = "two", .max_apps = 9}}), *place);
  EXPECT_EQ(*store_->place_rules("a", {}), *place);
  EXPECT_EQ(*store_->last_event(), events);
  reopen();
  EXPECT_EQ(*store_->rule_place("a"), *place);
}

TEST_P(StoreTest, RefusesAnAppForWhichThereIsNoRoomAndOneThatIsNotThere) {
  accept("a");
  accept("b");
  const std::vector<model::RuleListener> listeners{{.arn = "one", .max_apps = 1}, {.arn = "two"}};
  ASSERT_TRUE(store_->place_rules("a", listeners));

  const auto refused = store_->place_rules("b", listeners);

  EXPECT_EQ(refused.error().code, ErrorCode::ResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("2 listeners have room for the rules of 1 apps"));
  EXPECT_EQ(*store_->rule_place("b"), std::nullopt);
  EXPECT_EQ(store_->place_rules("nobody", listeners).error().code, ErrorCode::NotFound);
  EXPECT_THAT(*store_->rule_places(), SizeIs(1));
}

TEST_P(StoreTest, RefusesAListenerWithoutFreePriorities) {
  accept("a");
  model::RuleListener full{.arn = "one", .max_apps = 1};
  for (int priority = 2; priority <= model::kMaxRulePriority; priority += 2)
    full.taken.insert(priority);

  EXPECT_EQ(store_->place_rules("a", {full}).error().code, ErrorCode::ResourceExhausted);
  full.taken.erase(model::kMaxRulePriority);
  EXPECT_EQ(store_->place_rules("a", {full})->priority, model::kMaxRulePriority - 1);
}

TEST_P(StoreTest, GivesThePlaceOfARemovedAppToOthers) {
  accept("a");
  accept("b");
  accept("c");
  const std::vector<model::RuleListener> listeners{{.arn = "one", .max_apps = 2}};
  ASSERT_TRUE(store_->place_rules("a", listeners));
  ASSERT_TRUE(store_->place_rules("b", listeners));
  ASSERT_FALSE(store_->place_rules("c", listeners));

  ASSERT_TRUE(store_->delete_app("a", {}));
  EXPECT_FALSE(store_->place_rules("c", listeners)) << "its rules are still there";
  ASSERT_TRUE(store_->remove_app("a", kToken));

  EXPECT_EQ(*store_->place_rules("c", listeners), at("c", "one", 1));
}

TEST_P(StoreTest, GivesNoPlaceTwiceToManyWhoAskAtOnce) {
  constexpr int kApps = 24;
  constexpr int kThreads = 8;
  for (int i = 0; i < kApps; ++i) accept("app-" + std::to_string(i));
  const std::vector<model::RuleListener> listeners{{.arn = "one", .max_apps = 10},
                                                   {.arn = "two", .max_apps = 10}};

  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      // Every app is asked for by two of them.
      for (int i = thread / 2; i < kApps; i += kThreads / 2)
        (void)store_->place_rules("app-" + std::to_string(i), listeners);
    });
  for (std::thread& each : threads) each.join();

  std::set<std::pair<std::string, int>> different;
  std::set<std::string> apps;
  const auto places = store_->rule_places();
  ASSERT_TRUE(places) << places.error().message;
  for (const model::RulePlace& place : *places) {
    different.emplace(place.listener, place.priority);
    apps.insert(place.app_id);
    EXPECT_LE(place.priority, 19);
  }
  EXPECT_THAT(different, SizeIs(20));
  EXPECT_THAT(apps, SizeIs(20));
}

TEST_P(StoreTest, HasNoPlacesBeforeAnyIsGiven) { EXPECT_THAT(*store_->rule_places(), IsEmpty()); }

}  // namespace
}  // namespace pixell::store
