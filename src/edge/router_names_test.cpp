#include <gtest/gtest.h>

#include <map>

#include "edge/router.hpp"
#include "edge/sticky.hpp"
#include "edge/testing/routes.hpp"

// Aliases, hosts, metadata and legacy services.

namespace pixell::edge {
namespace {

using namespace testing;
using Match = Decision::Match;
using Pick = Decision::Pick;
using To = Decision::To;

std::shared_ptr<const RouteTable> one_app(model::Routing routing, model::Stickiness sticky = {}) {
  model::Route route =
      hello({leg(1, 500, {"unix:/a"}), leg(2, 500, {"unix:/b"}), leg(3, 0, {"unix:/c"}, "next")},
            std::move(sticky));
  route.routing = std::move(routing);
  auto table = RouteTable::build({.generation = 1, .routes = {std::move(route)}},
                                 RouteTable::Origin::Control, {"example.com"});
  EXPECT_TRUE(table) << table.error().message;
  return *table;
}

net::RequestHead grpc_with(std::string_view name, std::string_view value) {
  net::RequestHead head = get_with("/pixell.agent.AgentService/Ping", name, value);
  head.method = "POST";
  head.headers.add("content-type", "application/grpc");
  return head;
}

net::RequestHead at_host(std::string host, std::string target) {
  net::RequestHead head = get(std::move(target));
  head.authority = std::move(host);
  return head;
}

TEST(Alias, StandsForTheAppInAPath) {
  const auto table = one_app({.aliases = {"dep-1"}});
  const auto head = get("/agents/dep-1@next/api/x?y=1");

  const Decision decision = decide(*table, head, 0);

  EXPECT_EQ(decision.to, To::Agent);
  EXPECT_EQ(decision.id, "dep-1");
  EXPECT_EQ(decision.leg->revision, 3);
  EXPECT_EQ(decision.target(head), "/agents/hello/api/x?y=1");
}

TEST(Target, IsTheClientsOwnTextWhenThePathHasTheFullId) {
  const auto table = one_app({});
  const auto head = get("/agents/hello/api/x?y=1");

  const Decision decision = decide(*table, head, 0);

  EXPECT_TRUE(decision.rewritten.empty());
  EXPECT_EQ(decision.target(head).data(), head.target.data());
}

TEST(Metadata, NamesTheAppByItsIdOrItsDeploymentId) {
  const auto table = one_app({.aliases = {"dep-1"}});

  for (const auto& head :
       {grpc_with("x-agent-id", "hello"), grpc_with("x-agent-id", "dep-1"),
        grpc_with("x-deployment-id", "dep-1"), grpc_with("x-deployment-id", "abcd2345")}) {
    const Decision decision = decide(*table, head, 0);
    EXPECT_EQ(decision.to, To::Agent);
    EXPECT_EQ(decision.match, Match::Metadata);
    EXPECT_EQ(decision.surface, Surface::A2a);
    EXPECT_TRUE(decision.rewritten.empty());
  }
  EXPECT_EQ(decide(*table, grpc_with("x-deployment-id", "dep-2"), 0).to, To::UnknownAgent);
  EXPECT_EQ(decide(*table, grpc_with("x-other", "hello"), 0).to, To::Api);
}

TEST(Metadata, MeansTheAgentsIdBeforeTheDeploymentsId) {
  const auto table = one_app({.aliases = {"dep-1"}});
  net::RequestHead head = grpc_with("x-deployment-id", "dep-1");
  head.headers.add("x-agent-id", "nobody");

  EXPECT_EQ(decide(*table, head, 0).to, To::UnknownAgent);
}

TEST(Metadata, IsForGrpcAlone) {
  const auto table = one_app({.aliases = {"dep-1"}});

  EXPECT_EQ(decide(*table, get_with("/x", "x-deployment-id", "dep-1"), 0).to, To::Api);
}

TEST(Host, HasEveryPathOfTheAgent) {
  const auto table = one_app({.aliases = {"dep-1"}, .hosts = {"hi.test"}});
  const std::map<std::string, std::string> targets = {
      {"/", "/agents/hello/"},
      {"/?x=1", "/agents/hello/?x=1"},
      {"/api/x", "/agents/hello/api/x"},
      {"/v1/apps", "/agents/hello/v1/apps"},
      {"/v1/edge/explain", "/agents/hello/v1/edge/explain"},
      {"/internal/routes", "/agents/hello/internal/routes"},
      {"/agents", "/agents/hello/agents"},
      {"/agents/", "/agents/hello/agents/"},
      {"/agents/other/x", "/agents/hello/agents/other/x"},
      {"/agents/hello/assets/app.js", "/agents/hello/assets/app.js"},
      {"/agents/hello", "/agents/hello"},
      {"/agents/abcd2345/x?y", "/agents/hello/x?y"},
      {"/agents/dep-1?y", "/agents/hello?y"},
      {"*", "/agents/hello"}};

  for (const char* host : {"hi.test", "Hi.Test:8080", "hello.example.com", "dep-1.example.com"})
    for (const auto& [target, upstream] : targets) {
      const auto head = at_host(host, target);
      const Decision decision = decide(*table, head, 0);
      EXPECT_EQ(decision.to, To::Agent) << host << target;
      EXPECT_EQ(decision.match, Match::Host);
      EXPECT_EQ(decision.target(head), upstream) << target;
    }
}

TEST(Host, NamesATag) {
  const auto table = one_app({});

  for (const auto& head : {at_host("next--hello.example.com", "/x"),
                           at_host("NEXT--HELLO.example.com", "/agents/hello/x"),
                           at_host("hello.example.com", "/agents/hello@next/x")}) {
    const Decision decision = decide(*table, head, 0);
    EXPECT_EQ(decision.to, To::Agent) << head.authority;
    EXPECT_EQ(decision.leg->revision, 3);
    EXPECT_EQ(decision.target(head), "/agents/hello/x");
  }
  EXPECT_EQ(decide(*table, at_host("nope--hello.example.com", "/x"), 0).to, To::UnknownTag);
}

TEST(Host, BelowADomainIsNotTheApisWhenNobodyHasIt) {
  const auto table = one_app({});

  const auto head = at_host("nobody.example.com", "/v1/apps");

  const Decision decision = decide(*table, head, 0);

  EXPECT_EQ(decision.to, To::UnknownAgent);
  EXPECT_EQ(decision.id, "nobody");
  EXPECT_EQ(decide(*table, at_host("example.com", "/v1/apps"), 0).to, To::Api);
  EXPECT_EQ(decide(*table, at_host("other.test", "/agents/hello/"), 0).match, Match::Path);
}

TEST(Host, LeavesThePathsOfGrpcCallsAsTheyAre) {
  const auto table = one_app({});
  net::RequestHead head = grpc_with("x-agent-id", "nobody");
  head.authority = "hello.example.com";

  const Decision decision = decide(*table, head, 0);

  EXPECT_EQ(decision.to, To::Agent) << "the host is what counts";
  EXPECT_TRUE(decision.rewritten.empty());
}

model::Routing legacy(int weight, std::string prefix = "/deployments/d1") {
  return {.aliases = {},
          .hosts = {},
          .legacy = {.address = "127.0.0.1:9000",
                     .path_prefix = std::move(prefix),
                     .weight_permille = weight}};
}

// Numbers that are as good as random, and always the same.
std::uint64_t dice(std::uint64_t i) { return (i + 1) * 0x9e3779b97f4a7c15ULL; }

TEST(Legacy, HasItsShareOfTheRequests) {
  const auto table = one_app(legacy(250));
  std::map<std::int64_t, int> requests;

  for (std::uint64_t i = 0; i < 10'000; ++i)
    ++requests[decide(*table, get("/agents/hello/"), dice(i)).leg->revision];

  EXPECT_NEAR(requests[kLegacyRevision], 2'500, 150);
  EXPECT_NEAR(requests[1], 3'750, 150);
  EXPECT_NEAR(requests[2], 3'750, 150);
}

std::int64_t revision_of(const RouteTable& table, int user) {
  const auto head = get_with("/agents/hello/", "x-user", "user-" + std::to_string(user));
  return decide(table, head, dice(static_cast<std::uint64_t>(user))).leg->revision;
}

TEST(Legacy, LosesClientsWithItsWeightAndNobodyElseMoves) {
  const model::Stickiness by_header{.by = model::StickyBy::Header, .name = "X-User"};
  const auto before = one_app(legacy(600), by_header);
  const auto after = one_app(legacy(200), by_header);
  const auto at_last = one_app({}, by_header);
  int moved = 0;

  for (int user = 0; user < 2'000; ++user) {
    const std::int64_t was = revision_of(*before, user);
    const std::int64_t is = revision_of(*after, user);
    if (is != kLegacyRevision) {
      EXPECT_EQ(revision_of(*at_last, user), is) << user;
    }
    if (was == is) continue;
    EXPECT_EQ(was, kLegacyRevision) << user;
    ++moved;
  }
  EXPECT_NEAR(moved, 800, 100);
}

TEST(Legacy, GetsItsPrefixInPlaceOfTheAgents) {
  const auto target = [](const std::string& prefix, const net::RequestHead& head) {
    const auto table = one_app(legacy(1000, prefix));
    const Decision decision = decide(*table, head, dice(1));
    EXPECT_TRUE(decision.is_legacy());
    return std::string(decision.target(head));
  };

  EXPECT_EQ(target("/d/1", get("/agents/hello/api/x?y")), "/d/1/api/x?y");
  EXPECT_EQ(target("/d/1", get("/agents/abcd2345")), "/d/1");
  EXPECT_EQ(target("", get("/agents/hello/api/x?y")), "/api/x?y");
  EXPECT_EQ(target("", get("/agents/hello")), "/");
  EXPECT_EQ(target("", get("/agents/hello?y")), "/?y");
  EXPECT_EQ(target("/d/1", at_host("hello.example.com", "/api/x")), "/d/1/api/x");
  EXPECT_EQ(target("/d/1", at_host("hello.example.com", "/agents/hello/x")), "/d/1/x");
  EXPECT_EQ(target("/d/1", grpc_with("x-agent-id", "hello")), "/pixell.agent.AgentService/Ping");
}

TEST(Legacy, HasNothingOfATag) {
  const auto table = one_app(legacy(1000));

  EXPECT_EQ(decide(*table, get("/agents/hello@next/"), dice(1)).leg->revision, 3);
}

TEST(Legacy, HasEverythingOfAnAppWithoutRevisions) {
  model::Route route = hello({});
  route.routing = legacy(0);
  const auto table = table_with({route});

  const Decision decision = decide(*table, get("/agents/hello/x"), dice(1));

  EXPECT_EQ(decision.to, To::Agent);
  EXPECT_EQ(decision.pick, Pick::Alone);
  EXPECT_TRUE(decision.is_legacy());
  EXPECT_EQ(decide(*table, get("/agents/hello@next/x"), dice(1)).to, To::UnknownTag);
}

}  // namespace
}  // namespace pixell::edge
