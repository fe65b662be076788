#include "edge/router.hpp"

#include <gtest/gtest.h>

#include <map>

#include "edge/sticky.hpp"
#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

using namespace testing;
using Pick = Decision::Pick;
using Match = Decision::Match;

struct PathCase {
  const char* name;
  const char* target;
  Decision::To to;
  const char* upstream;
};

class RouterPaths : public ::testing::TestWithParam<PathCase> {};

TEST_P(RouterPaths, GoWhereTheyShould) {
  const auto table = table_with(
      {hello({leg(3, 1000, {"unix:/a"}), leg(4, 0, {"unix:/b"}, "next"), leg(5, 0, {}, "empty")}),
       {.app_id = "asleep",
        .short_id = "zzzz2345",
        .name = "",
        .description = "",
        .version = "",
        .legs = {}}});

  const net::RequestHead head = get(GetParam().target);
  const Decision decision = decide(*table, head, 7);

  EXPECT_EQ(decision.to, GetParam().to);
  if (decision.to == Decision::To::Agent) {
    EXPECT_EQ(decision.target(head), GetParam().upstream);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, RouterPaths,
    ::testing::Values(
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
        PathCase{"tag_of_a_short_id", "/agents/abcd2345@next/x", Decision::To::Agent,
                 "/agents/hello/x"},
        PathCase{"empty_tag", "/agents/hello@/ui/", Decision::To::UnknownTag, ""},
        PathCase{"explain", "/v1/edge/explain?url=/x", Decision::To::Explain, ""},
        PathCase{"below_explain", "/v1/edge/explain/x", Decision::To::Api, ""},
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

  for (std::uint64_t dice = 0; dice < 1000; ++dice)
    second += decide(*table, get("/agents/hello/"), dice).leg->revision == 2;

  EXPECT_EQ(second, 100);
}

TEST(Router, PassesOverALegThatLostItsTargets) {
  const auto table = table_with({hello({leg(1, 500, {}), leg(2, 500, {"unix:/b"})})});

  for (std::uint64_t dice = 0; dice < 1000; ++dice)
    ASSERT_EQ(decide(*table, get("/agents/hello/"), dice).leg->revision, 2);
}

net::RequestHead grpc_call(std::string_view agent) {
  net::RequestHead head = get_with("/pixell.agent.AgentService/Ping", "x-agent-id", agent);
  head.method = "POST";
  head.headers.add("content-type", "application/grpc");
  return head;
}

TEST(Router, FindsTheAgentOfAGrpcCallByMetadata) {
  const auto table = table_with({hello({leg(1, 1000, {"unix:/a"})})});
  const Decision decision = decide(*table, grpc_call("abcd2345"), 0);

  EXPECT_EQ(decision.to, Decision::To::Agent);
  EXPECT_EQ(decision.rewritten, "") << "gRPC paths stay as they are";
}

TEST(Router, FindsTheTaggedLegOfAGrpcCallByMetadata) {
  const auto table =
      table_with({hello({leg(1, 1000, {"unix:/a"}), leg(2, 0, {"unix:/b"}, "next")})});

  const Decision decision = decide(*table, grpc_call("abcd2345@next"), 0);

  EXPECT_EQ(decision.to, Decision::To::Agent);
  EXPECT_EQ(decision.match, Match::Metadata);
  EXPECT_EQ(decision.pick, Pick::Tag);
  EXPECT_EQ(decision.leg->revision, 2);
  EXPECT_EQ(decision.rewritten, "") << "gRPC paths stay as they are";
  EXPECT_EQ(decide(*table, grpc_call("hello@nope"), 0).to, Decision::To::UnknownTag);
}

TEST(Router, MayTagARevisionThatAlsoHasAWeight) {
  const auto table =
      table_with({hello({leg(1, 500, {"unix:/a"}, "stable"), leg(2, 500, {"unix:/b"}),
                         leg(2, 0, {"unix:/b"}, "canary")})});
  std::map<std::int64_t, int> requests;

  for (std::uint64_t dice = 0; dice < 1000; ++dice) {
    ++requests[decide(*table, get("/agents/hello/"), dice).leg->revision];
    ASSERT_EQ(decide(*table, get("/agents/hello@canary/"), dice).leg->revision, 2);
    ASSERT_EQ(decide(*table, get("/agents/hello@stable/"), dice).leg->revision, 1);
  }

  EXPECT_EQ(requests, (std::map<std::int64_t, int>{{1, 500}, {2, 500}}));
}

TEST(Router, TellsTheTaggedLegEvenWhenItHasNoTarget) {
  const auto table = table_with({hello({leg(1, 1000, {"unix:/a"}), leg(2, 0, {}, "next")})});

  const Decision decision = decide(*table, get("/agents/hello@next/"), 0);

  EXPECT_EQ(decision.to, Decision::To::NoTarget);
  EXPECT_EQ(decision.leg->revision, 2);
}

const model::Stickiness kByHeader{.by = model::StickyBy::Header, .name = "X-User"};
const model::Stickiness kByCookie{.by = model::StickyBy::Cookie, .name = ""};

std::vector<model::RouteLeg> split(int first, int second) {
  return {leg(1, first, {"unix:/a"}), leg(2, second, {"unix:/b"})};
}

std::int64_t revision_of(const RouteTable& table, int user, std::uint64_t dice) {
  const auto head = get_with("/agents/hello/", "x-user", "user-" + std::to_string(user));
  return decide(table, head, dice).leg->revision;
}

TEST(StickyHeader, DecidesWhateverTheDiceSay) {
  const auto table = table_with({hello(split(500, 500), kByHeader)});
  std::map<std::int64_t, int> users;

  for (int user = 0; user < 1000; ++user) {
    const std::int64_t revision = revision_of(*table, user, 0);
    for (std::uint64_t dice : {1, 499, 999})
      ASSERT_EQ(revision_of(*table, user, dice), revision) << user;
    ++users[revision];
  }

  EXPECT_NEAR(users[1], 500, 50);
}

TEST(StickyHeader, MovesOnlyThoseThatNewWeightsMove) {
  const auto before = table_with({hello(split(900, 100), kByHeader)});
  // Legs are taken by revision, in whatever order they come.
  const auto after =
      table_with({hello({leg(2, 300, {"unix:/b"}), leg(1, 700, {"unix:/a"})}, kByHeader)});
  int moved = 0;

  for (int user = 0; user < 2000; ++user) {
    const std::int64_t was = revision_of(*before, user, 0);
    const std::int64_t is = revision_of(*after, user, 0);
    if (was == 2) {
      ASSERT_EQ(is, 2) << user;
    }
    moved += was != is;
  }

  EXPECT_NEAR(moved, 400, 60);
}

TEST(StickyHeader, SpreadsOnlyTheClientsOfALegThatLostItsTargets) {
  const auto before = table_with({hello(
      {leg(1, 400, {"unix:/a"}), leg(2, 200, {"unix:/b"}), leg(3, 400, {"unix:/c"})}, kByHeader)});
  const auto after = table_with(
      {hello({leg(1, 400, {"unix:/a"}), leg(2, 200, {}), leg(3, 400, {"unix:/c"})}, kByHeader)});
  std::map<std::int64_t, int> spread;

  for (int user = 0; user < 2000; ++user) {
    const std::int64_t was = revision_of(*before, user, 0);
    const std::int64_t is = revision_of(*after, user, 0);
    if (was == 2)
      ++spread[is];
    else
      ASSERT_EQ(is, was) << user;
  }

  EXPECT_GT(spread[1], 100);
  EXPECT_GT(spread[3], 100);
  EXPECT_EQ(spread.size(), 2u);
}

TEST(StickyHeader, IsDicedWhenItIsAbsentOrEmpty) {
  const auto table = table_with({hello(split(500, 500), kByHeader)});

  for (const auto& head : {get("/agents/hello/"), get_with("/agents/hello/", "x-user", "")}) {
    EXPECT_EQ(decide(*table, head, 0).pick, Pick::Dice);
    EXPECT_EQ(decide(*table, head, 0).leg->revision, 1);
    EXPECT_EQ(decide(*table, head, 999).leg->revision, 2);
  }
}

TEST(StickyHeader, DoesNotMatterWithATag) {
  const auto table =
      table_with({hello({leg(1, 1000, {"unix:/a"}), leg(2, 0, {"unix:/b"}, "next")}, kByHeader)});

  const Decision decision = decide(*table, get_with("/agents/hello@next/", "x-user", "u"), 0);

  EXPECT_EQ(decision.pick, Pick::Tag);
  EXPECT_EQ(decision.leg->revision, 2);
}

TEST(StickyCookie, IsMadeOfTheDiceAndLeadsToTheSameLegAgain) {
  const auto table = table_with({hello(split(500, 500), kByCookie)});
  std::map<std::int64_t, int> clients;

  for (std::uint64_t dice = 0; dice < 1000; ++dice) {
    const Decision first = decide(*table, get("/agents/hello/"), dice);
    ASSERT_EQ(first.pick, Pick::NewCookie);
    ++clients[first.leg->revision];

    const Decision next = decide(
        *table, get_with("/agents/hello/", "cookie", "a=b; pixell_sticky=" + first.token + "; c=d"),
        dice + 1);
    ASSERT_EQ(next.pick, Pick::Cookie);
    ASSERT_TRUE(next.token.empty());
    ASSERT_EQ(next.leg, first.leg);
  }

  EXPECT_NEAR(clients[1], 500, 50);
}

TEST(StickyCookie, IsNotGivenToGrpcClientsButHeeded) {
  const auto table = table_with({hello(split(500, 500), kByCookie)});
  net::RequestHead with_cookie = grpc_call("hello");
  with_cookie.headers.add("cookie", "pixell_sticky=x");

  EXPECT_EQ(decide(*table, grpc_call("hello"), 7).pick, Pick::Dice);
  EXPECT_EQ(decide(*table, with_cookie, 7).pick, Pick::Cookie);
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
