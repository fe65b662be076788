#include "edge/route_table.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

using namespace testing;

TEST(RouteTable, FindsARouteByEachOfItsNames) {
  model::Route route = hello({leg(1, 1000, {"unix:/a"})});
  route.routing.aliases = {"dep-1", "dep-2"};
  const auto table = table_with({route});

  for (const char* name : {"hello", "abcd2345", "dep-1", "dep-2"})
    EXPECT_EQ(table->find(name), &table->routes()[0]) << name;
  for (const char* name : {"", "dep-3", "Hello", "hello "}) EXPECT_EQ(table->find(name), nullptr);
}

TEST(RouteTable, MeansAFullIdBeforeAnAliasAndThatBeforeAShortId) {
  model::Route first = hello({});
  first.routing.aliases = {"second", "short-3"};
  model::Route second = hello({});
  second.app_id = "second";
  second.short_id = "hello";
  model::Route third = hello({});
  third.app_id = "third";
  third.short_id = "short-3";
  const auto table = table_with({first, second, third});

  EXPECT_EQ(table->find("hello")->app_id, "hello");
  EXPECT_EQ(table->find("second")->app_id, "second");
  EXPECT_EQ(table->find("short-3")->app_id, "hello");
}

TEST(RouteTable, FindsEachOfManyRoutes) {
  std::vector<model::Route> routes;
  for (int i = 0; i < 2'000; ++i) {
    routes.push_back(hello({leg(1, 1000, {"unix:/a"})}));
    routes.back().app_id = fmt::format("app-{}", i);
    routes.back().short_id = fmt::format("s{:07}", i);
  }
  const auto table = table_with(routes);

  for (std::size_t i = 0; i < routes.size(); ++i) {
    ASSERT_EQ(table->find(routes[i].app_id), &table->routes()[i]);
    ASSERT_EQ(table->find(routes[i].short_id), &table->routes()[i]);
    ASSERT_EQ(table->routes()[i].index, i);
  }
  EXPECT_EQ(table->find("app-2000"), nullptr);
}

TEST(RouteTable, GivesALegacyServiceALegOfItsOwn) {
  model::Route route = hello({leg(4, 1000, {"unix:/a"})});
  route.routing.legacy = {.address = "127.0.0.1:9000", .path_prefix = "/v1", .weight_permille = 5};
  const auto table = table_with({route, hello({})});

  const AgentRoute& agent = table->routes()[0];
  ASSERT_TRUE(agent.legacy);
  EXPECT_EQ(agent.legacy->revision, kLegacyRevision);
  EXPECT_EQ(agent.legacy->targets, (std::vector<net::Address>{{"127.0.0.1:9000"}}));
  EXPECT_NE(agent.legacy->slot, agent.legs[0].slot);
  EXPECT_EQ(table->slots(), 2u);
  EXPECT_FALSE(table->routes()[1].legacy);
}

TEST(RouteTable, TellsWhichTargetsAreGoneForGood) {
  model::Route old_service = hello({leg(1, 1000, {"unix:/a", "unix:/b"}), leg(2, 0, {"unix:/b"})});
  old_service.routing.legacy.address = "127.0.0.1:9000";
  const auto before = table_with({old_service});
  const auto after = table_with({hello({leg(3, 1000, {"unix:/a", "unix:/c"})})});

  EXPECT_EQ(targets_gone(*before, *after),
            (std::vector<net::Address>{{"unix:/b"}, {"127.0.0.1:9000"}}));
  EXPECT_TRUE(targets_gone(*before, *before).empty());
}

TEST(RouteTable, RefusesAnAddressThatIsNone) {
  model::Route route = hello({leg(1, 1000, {"nowhere"})});
  EXPECT_EQ(RouteTable::build({.generation = 1, .routes = {route}}).error().code,
            ErrorCode::InvalidArgument);
  route = hello({});
  route.routing.legacy.address = "nowhere";
  EXPECT_EQ(RouteTable::build({.generation = 1, .routes = {route}}).error().code,
            ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace pixell::edge
