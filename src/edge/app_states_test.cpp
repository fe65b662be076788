#include "edge/app_states.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

constexpr Instant kStart{std::chrono::hours(1)};

std::shared_ptr<const RouteTable> hello_with(model::Routing routing) {
  model::Route route = testing::hello({testing::leg(1, 1000, {"unix:/a"})});
  route.routing = std::move(routing);
  return testing::table_with({std::move(route)});
}

TEST(AppStates, CostNothingForAppsWithoutSettings) {
  AppStates states;
  const auto in_force = states.in_force(*hello_with({}), kStart);

  ASSERT_EQ(in_force.size(), 1U);
  EXPECT_EQ(in_force[0].admission, nullptr);
  EXPECT_EQ(in_force[0].mirror, nullptr);
  EXPECT_TRUE(states.to_json("hello").is_null());
}

TEST(AppStates, KeepWhatIsUnderWayOverSnapshots) {
  AppStates states;
  const auto first = hello_with({.limits = {.max_concurrent = 1}});
  const auto slot = states.in_force(*first, kStart)[0].admission->enter(kStart);
  ASSERT_TRUE(slot);
  states.keep_only(*first);

  const auto second = hello_with({.limits = {.max_concurrent = 2}});
  AppAdmission* admission = states.in_force(*second, kStart)[0].admission;
  states.keep_only(*second);
  const auto one_more = admission->enter(kStart);
  EXPECT_TRUE(one_more);
  EXPECT_FALSE(admission->enter(kStart));
  EXPECT_EQ(states.to_json("hello")["under_way"], 2);
  EXPECT_EQ(states.to_json("hello")["refused"]["concurrency"], 1);
}

TEST(AppStates, EndOnceNothingOfTheAppRuns) {
  AppStates states;
  const auto empty = testing::table_with({});
  auto slot =
      states.in_force(*hello_with({.limits = {.max_concurrent = 1}}), kStart)[0].admission->enter(
          kStart);
  ASSERT_TRUE(slot);
  states.in_force(*empty, kStart);
  states.keep_only(*empty);
  EXPECT_FALSE(states.to_json("hello").is_null());

  *slot = AppAdmission::Slot();
  states.keep_only(*empty);
  EXPECT_TRUE(states.to_json("hello").is_null());
}

TEST(AppStates, EndWhenAnAppHasNoLimitAnyMore) {
  AppStates states;
  states.in_force(*hello_with({.limits = {.requests_per_second = 1}}), kStart);
  const auto unlimited = hello_with({});
  EXPECT_EQ(states.in_force(*unlimited, kStart)[0].admission, nullptr);
  states.keep_only(*unlimited);

  EXPECT_TRUE(states.to_json("hello").is_null());
}

TEST(AppStates, CountEachMirroredRevisionByItself) {
  AppStates states;
  const auto first = hello_with({.mirror = {.revision = 2, .permille = 10}});
  states.in_force(*first, kStart)[0].mirror->same = 5;
  EXPECT_EQ(states.in_force(*first, kStart)[0].mirror->same, 5);
  EXPECT_EQ(states.to_json("hello")["mirror"]["same"], 5);
  EXPECT_EQ(states.to_json("hello")["mirror"]["revision"], 2);

  const auto second = hello_with({.mirror = {.revision = 3, .permille = 10}});
  EXPECT_EQ(states.in_force(*second, kStart)[0].mirror->same, 0);
  states.in_force(*hello_with({}), kStart);
  EXPECT_TRUE(states.to_json("hello")["mirror"].is_null());
}

}  // namespace
}  // namespace pixell::edge
