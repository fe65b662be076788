#include "edge/router.hpp"

#include <gtest/gtest.h>

namespace pixell::edge {
namespace {

std::shared_ptr<const RouteTable> table_with(std::vector<model::Route> routes) {
  auto table = RouteTable::build({.generation = 1, .routes = std::move(routes)});
  EXPECT_TRUE(table) << table.error().message;
  return *table;
}

model::Route hello(std::vector<model::RouteLeg> legs) {
  return {.app_id = "hello",
          .short_id = "abcd2345",
          .name = "hello",
          .description = "",
          .version = "1",
          .legs = std::move(legs)};
}

model::RouteLeg leg(std::int64_t revision, int weight, std::vector<std::string> addresses,
                    std::string tag = "") {
  return {.revision = revision,
          .weight_permille = weight,
          .tag = std::move(tag),
          .addresses = std::move(addresses)};
}

net::RequestHead get(std::string target) {
  net::RequestHead head;
  head.method = "GET";
  head.target = std::move(target);
  return head;
}

struct PathCase {
  const char* name;
  const char* target;
  Decision::To to;
  const char* upstream;
};

class RouterPaths : public testing::TestWithParam<PathCase> {};

TEST_P(RouterPaths, GoWhereTheyShould) {
  const auto table = table_with(
      {hello({leg(3, 1000, {"unix:/a"}), leg(4, 0, {"unix:/b"}, "next"), leg(5, 0, {}, "empty")}),
       {.app_id = "asleep",
        .short_id = "zzzz2345",
        .name = "",
        .description = "",
        .version = "",
        .legs = {}}});

  const Decision decision = decide(*table, get(GetParam().target), 7);

  EXPECT_EQ(decision.to, GetParam().to);
  if (decision.to == Decision::To::Agent) {
    EXPECT_EQ(decision.target, GetParam().upstream);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, RouterPaths,
    testing::Values(
        PathCase{"full_id", "/agents/hello/api/x?y=1", Decision::To::Agent,
                 "/agents/hello/api/x?y=1"},
        PathCase{"short_id", "/agents/abcd2345/api/x", Decision::To::Agent, "/agents/hello/api/x"},
        PathCase{"bare_id", "/agents/abcd2345", Decision::To::Agent, "/agents/hello"},
        PathCase{"bare_id_with_query", "/agents/abcd2345?a=/b", Decision::To::Agent,
                 "/agents/hello?a=/b"},
        PathCase{"slash_only", "/agents/hello/", Decision::To::Agent, "/agents/hello/"},
        PathCase{"path_untouched", "/agents/hello/a%2Fb/../c//d", Decision::To::Agent,
                 "/agents/hello/a%2Fb/../c//d"},
        PathCase{"tag", "/agents/hello@next/ui/", Decision::To::Agent, "/agents/hello/ui/"},
        PathCase{"unknown_tag", "/agents/hello@nope/ui/", Decision::To::UnknownTag, ""},
        PathCase{"tag_without_target", "/agents/hello@empty/", Decision::To::NoTarget, ""},
        PathCase{"unknown_agent", "/agents/nobody/x", Decision::To::UnknownAgent, ""},
        PathCase{"ids_are_case_sensitive", "/agents/Hello/x", Decision::To::UnknownAgent, ""},
        PathCase{"no_target", "/agents/asleep/x", Decision::To::NoTarget, ""},
        PathCase{"directory", "/agents", Decision::To::Directory, ""},
        PathCase{"directory_slash", "/agents/?x=1", Decision::To::Directory, ""},
        PathCase{"api", "/api/deployments/1", Decision::To::Api, ""},
        PathCase{"api_agent_apps", "/api/agent-apps/x/packages/deploy", Decision::To::Api, ""},
        PathCase{"not_agents", "/agentsmith", Decision::To::Api, ""},
        PathCase{"root", "/", Decision::To::Api, ""},
        PathCase{"internal_is_hidden", "/internal/routes?after=1", Decision::To::Hidden, ""}),
    [](const auto& path_case) { return path_case.param.name; });

TEST(Router, SplitsTrafficByWeight) {
  const auto table = table_with({hello({leg(1, 900, {"unix:/a"}), leg(2, 100, {"unix:/b"})})});
  int second = 0;

  for (std::uint32_t dice = 0; dice < 1000; ++dice)
    second += decide(*table, get("/agents/hello/"), dice).leg->revision == 2;

  EXPECT_EQ(second, 100);
}

TEST(Router, PassesOverALegThatLostItsTargets) {
  const auto table = table_with({hello({leg(1, 500, {}), leg(2, 500, {"unix:/b"})})});

  for (std::uint32_t dice = 0; dice < 1000; ++dice)
    ASSERT_EQ(decide(*table, get("/agents/hello/"), dice).leg->revision, 2);
}

TEST(Router, FindsTheAgentOfAGrpcCallByMetadata) {
  const auto table = table_with({hello({leg(1, 1000, {"unix:/a"})})});
  net::RequestHead head = get("/pixell.agent.AgentService/Ping");
  head.headers.add("content-type", "application/grpc");
  head.headers.add("x-agent-id", "abcd2345");

  const Decision decision = decide(*table, head, 0);

  EXPECT_EQ(decision.to, Decision::To::Agent);
  EXPECT_EQ(decision.target, "/pixell.agent.AgentService/Ping");
}

TEST(RouteTable, RefusesAnAddressItCannotParse) {
  const auto table =
      RouteTable::build({.generation = 1, .routes = {hello({leg(1, 1000, {"nonsense"})})}});

  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, ErrorCode::InvalidArgument);
}

TEST(RouteTable, AFullIdWinsOverAnotherAppsShortId) {
  const auto table = table_with({hello({}),
                                 {.app_id = "abcd2345",
                                  .short_id = "yyyy2345",
                                  .name = "",
                                  .description = "",
                                  .version = "",
                                  .legs = {}}});

  EXPECT_EQ(table->find("abcd2345")->app_id, "abcd2345");
}

}  // namespace
}  // namespace pixell::edge
