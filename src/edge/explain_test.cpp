#include "edge/explain.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "edge/limits.hpp"
#include "edge/testing/routes.hpp"

namespace pixell::edge {
namespace {

using namespace testing;
using nlohmann::json;

TEST(MayAskToExplain, IsForThisMachineByALoopbackNameOnly) {
  const auto may = [](std::string peer, std::string host) {
    net::RequestHead head = get("/v1/edge/explain");
    head.authority = std::move(host);
    return may_ask_to_explain({.address = std::move(peer), .listener = "public"}, head);
  };

  EXPECT_TRUE(may("127.0.0.1:5000", "127.0.0.1:4000"));
  EXPECT_TRUE(may("[::1]:5000", "localhost"));
  EXPECT_FALSE(may("10.0.0.7:5000", "127.0.0.1:4000"));
  EXPECT_FALSE(may("127.0.0.1:5000", "rebound.example.org"));
  EXPECT_FALSE(may("unix", "localhost"));
}

json explained(const RouteTable& table, const std::string& query) {
  const auto answer = explain(table, {.applied_at = 1'764'000'000'000}, query);
  EXPECT_TRUE(answer) << answer.error().message;
  return answer ? *answer : json();
}

std::string reason(const json& answer) { return answer["reason"].get<std::string>(); }

std::shared_ptr<const RouteTable> split(model::StickyBy by, std::string name = "") {
  return table_with({hello({leg(1, 900, {"unix:/a"}), leg(2, 100, {"unix:/b", "unix:/c"}),
                            leg(3, 0, {"unix:/d"}, "next"), leg(4, 0, {}, "empty")},
                           {.by = by, .name = std::move(name)})},
                    RouteTable::Origin::SnapshotFile);
}

TEST(Explain, TellsTheTableTheLegsAndTheirShares) {
  const json answer = explained(*split(model::StickyBy::None), "url=/agents/abcd2345/api%3Fx=1");

  EXPECT_EQ(answer["generation"], 1);
  EXPECT_EQ(answer["source"], "snapshot_file");
  EXPECT_EQ(answer["applied_at"], "2025-11-24T16:00:00.000Z");
  EXPECT_EQ(answer["goes_to"], "agent");
  EXPECT_EQ(answer["app_id"], "hello");
  EXPECT_EQ(answer["asked_id"], "abcd2345");
  EXPECT_EQ(answer["matched_by"], "path");
  EXPECT_EQ(answer["picked_by"], "weight");
  EXPECT_EQ(answer["upstream_target"], "/agents/hello/api?x=1");
  EXPECT_TRUE(answer["chosen_revision"].is_null()) << "the dice decide";
  EXPECT_EQ(answer["sticky"]["by"], "none");
  ASSERT_EQ(answer["legs"].size(), 4u);
  EXPECT_EQ(answer["legs"][1],
            (json{{"revision", 2},
                  {"weight_permille", 100},
                  {"tag", ""},
                  {"targets", 2},
                  {"share", 0.1},
                  {"instances", {{{"address", "unix:/b"}}, {{"address", "unix:/c"}}}},
                  {"chosen", false}}));
  EXPECT_NE(reason(answer).find("diced by weight"), std::string::npos);
}

TEST(Explain, TellsTheOnlyLegThatCanBeMeant) {
  const auto table = table_with({hello({leg(1, 900, {}), leg(2, 100, {"unix:/b"})})});

  const json answer = explained(*table, "url=/agents/hello");

  EXPECT_EQ(answer["source"], "control");
  EXPECT_EQ(answer["chosen_revision"], 2);
  EXPECT_EQ(answer["legs"][1]["share"], 1.0);
  EXPECT_EQ(answer["legs"][0]["share"], 0.0);
  EXPECT_NE(reason(answer).find("the only one"), std::string::npos);
}

TEST(Explain, TellsATag) {
  const json answer = explained(*split(model::StickyBy::None), "url=/agents/hello@next/x");

  EXPECT_EQ(answer["tag"], "next");
  EXPECT_EQ(answer["picked_by"], "tag");
  EXPECT_EQ(answer["chosen_revision"], 3);
  EXPECT_NE(reason(answer).find("tag 'next', which revision 3 has"), std::string::npos);
}

TEST(Explain, TellsTheAgentOfAGrpcCall) {
  const json answer = explained(*split(model::StickyBy::None),
                                "url=/pixell.agent.AgentService/Ping&header=content-type:"
                                "application/grpc&header=x-agent-id:%20hello@next");

  EXPECT_EQ(answer["matched_by"], "metadata");
  EXPECT_EQ(answer["chosen_revision"], 3);
  EXPECT_EQ(answer["upstream_target"], "/pixell.agent.AgentService/Ping");
}

TEST(Explain, TellsThePointOfAStickyClientButNotItsValue) {
  const auto table = split(model::StickyBy::Header, "x-user");

  const json answer = explained(*table, "url=/agents/hello&header=X-User:alice");

  EXPECT_EQ(answer["picked_by"], "sticky_header");
  EXPECT_TRUE(answer["sticky"]["value_given"]);
  const int point = answer["sticky"]["point"];
  EXPECT_EQ(answer["chosen_revision"], point < 900 ? 1 : 2);
  EXPECT_NE(reason(answer).find("point " + std::to_string(point)), std::string::npos);
  EXPECT_EQ(answer.dump().find("alice"), std::string::npos);
}

TEST(Explain, TellsThatAStickyClientHadToMove) {
  const auto table = table_with({hello({leg(1, 1000, {}), leg(2, 0, {}), leg(3, 0, {"unix:/c"})},
                                       {.by = model::StickyBy::Header, .name = "x-user"})});
  const auto moved = table_with({hello({leg(1, 999, {}), leg(2, 1, {"unix:/c"})},
                                       {.by = model::StickyBy::Header, .name = "x-user"})});

  EXPECT_EQ(explained(*table, "url=/agents/hello&header=x-user:alice")["status"], 503);
  const json answer = explained(*moved, "url=/agents/hello&header=x-user:alice");
  EXPECT_EQ(answer["chosen_revision"], 2);
  EXPECT_NE(reason(answer).find("no ready instance, so its clients are spread"), std::string::npos);
}

TEST(Explain, TellsThatAClientWithoutItsValueIsDiced) {
  const json by_header = explained(*split(model::StickyBy::Header, "x-user"), "url=/agents/hello");
  EXPECT_EQ(by_header["picked_by"], "weight");
  EXPECT_NE(reason(by_header).find("no header 'x-user'"), std::string::npos);

  const json by_cookie = explained(*split(model::StickyBy::Cookie), "url=/agents/hello");
  EXPECT_EQ(by_cookie["picked_by"], "new_sticky_cookie");
  EXPECT_EQ(by_cookie["sticky"]["name"], "pixell_sticky");
  EXPECT_TRUE(by_cookie["chosen_revision"].is_null());
  EXPECT_NE(reason(by_cookie).find("sets the cookie"), std::string::npos);
}

struct Elsewhere {
  const char* name;
  const char* query;
  const char* goes_to;
  json status;
  const char* reason;
};

class ExplainElsewhere : public ::testing::TestWithParam<Elsewhere> {};

TEST_P(ExplainElsewhere, TellsWhy) {
  const json answer = explained(*split(model::StickyBy::None), GetParam().query);

  EXPECT_EQ(answer["goes_to"], GetParam().goes_to);
  EXPECT_EQ(answer["status"], GetParam().status);
  EXPECT_TRUE(answer["chosen_revision"].is_null());
  EXPECT_NE(reason(answer).find(GetParam().reason), std::string::npos) << reason(answer);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ExplainElsewhere,
    ::testing::Values(
        Elsewhere{"api", "url=/v1/apps", "api", nullptr, "control plane's API"},
        Elsewhere{"origin_only", "url=http://example.org", "api", nullptr, "control plane's API"},
        Elsewhere{"directory", "url=http://h:1/agents%23top", "directory", nullptr,
                  "list of agents"},
        Elsewhere{"itself", "url=/v1/edge/explain", "explain", nullptr, "this machine only"},
        Elsewhere{"metrics", "url=/v1/edge/metrics", "metrics", nullptr, "this machine only"},
        Elsewhere{"hidden", "url=/internal/routes", "hidden", 404,
                  "not reachable through the edge"},
        Elsewhere{"unknown_agent", "url=https://h/agents/Hello/", "unknown_agent", 404,
                  "short id 'Hello'"},
        Elsewhere{"unknown_tag", "url=/agents/hello@nope", "unknown_tag", 404, "tag 'nope'"},
        Elsewhere{"tag_without_instance", "url=/agents/hello@empty", "no_target", 503,
                  "revision 4 has the tag 'empty', but no ready instance"}),
    [](const auto& row) { return row.param.name; });

TEST(Explain, TellsWhyAnAppHasNoTarget) {
  const auto why = [](std::vector<model::RouteLeg> legs) {
    return reason(explained(*table_with({hello(std::move(legs))}), "url=/agents/hello"));
  };

  EXPECT_NE(why({}).find("no revision in its route"), std::string::npos);
  EXPECT_NE(why({leg(1, 1000, {})}).find("no leg has a ready instance"), std::string::npos);
  EXPECT_NE(
      why({leg(1, 1000, {}), leg(2, 0, {"unix:/b"}, "next")}).find("only legs with the weight 0"),
      std::string::npos);
}

model::Route with_routing(model::Routing routing, std::vector<model::RouteLeg> legs) {
  model::Route route = hello(std::move(legs));
  route.routing = std::move(routing);
  return route;
}

TEST(Explain, TellsByWhichNameTheAppWasFound) {
  const auto table = table_with(
      {with_routing({.aliases = {"dep-1"}, .hosts = {"hi.test"}}, {leg(1, 1000, {"unix:/a"})})});
  const auto named_by = [&](const char* query) {
    const json answer = explained(*table, query);
    EXPECT_EQ(answer["upstream_target"], "/agents/hello/x") << query;
    return answer["named_by"];
  };

  EXPECT_EQ(named_by("url=/agents/hello/x"), "id");
  EXPECT_EQ(named_by("url=/agents/dep-1/x"), "alias");
  EXPECT_EQ(named_by("url=/agents/abcd2345/x"), "short_id");
  EXPECT_EQ(named_by("url=http://HI.test:8080/x"), "host");
  EXPECT_EQ(named_by("url=/x&header=Host:hi.test"), "host");
}

TEST(Explain, TellsOfALegacyService) {
  const model::Routing legacy = {
      .legacy = {.address = "10.0.0.7:80", .path_prefix = "/d", .weight_permille = 1000}};

  json answer = explained(*table_with({with_routing(legacy, {leg(1, 1000, {"unix:/a"})})}),
                          "url=/agents/hello/x");
  EXPECT_EQ(answer["chosen_revision"], "legacy");
  EXPECT_EQ(answer["upstream_target"], "/d/x");
  EXPECT_EQ(answer["routing"]["legacy"]["address"], "10.0.0.7:80");
  EXPECT_NE(reason(answer).find("1000 per mille"), std::string::npos);

  answer = explained(*table_with({with_routing(legacy, {})}), "url=/agents/hello/x");
  EXPECT_EQ(answer["picked_by"], "legacy_alone");
  EXPECT_NE(reason(answer).find("has every request"), std::string::npos);
}

TEST(Explain, TellsWhatTheLoopKnowsOfTargets) {
  const auto table = table_with({hello({leg(1, 1000, {"unix:/a", "unix:/b"})})});
  const LoopView loop = {.state_of =
                             [](const Leg&, std::size_t target) {
                               return TargetView{.outstanding = 3, .is_ejected = target == 1};
                             },
                         .waiting = [](const AgentRoute&) { return 7; }};

  const json answer = *explain(*table, loop, "url=/agents/hello/x");

  EXPECT_EQ(answer["waiting"], 7);
  const json instances = answer["legs"][0]["instances"];
  EXPECT_EQ(
      instances[0],
      (json{{"address", "unix:/a"}, {"outstanding", 3}, {"ejected", false}, {"unhealthy", false}}));
  EXPECT_EQ(instances[1]["ejected"], true);
  EXPECT_FALSE(explained(*table, "url=/agents/hello/x").contains("waiting"));
}

TEST(Explain, RefusesWhatItCannotUnderstandAndTellsTheRemedy) {
  std::string many = "url=/";
  for (std::size_t i = 0; i <= kMaxExplainedHeaders; ++i) many += "&header=a:b";
  for (const std::string& query :
       {std::string(), std::string("url="), std::string("url=agents/hello"),
        std::string("url=ftp://h/x"), std::string("url=http:///x"), std::string("url=/a%0Ab"),
        std::string("url=/a%zz"), std::string("url=/&header=nocolon"),
        std::string("url=/&header=:v"), std::string("url=/&header=a%20b:v"), many}) {
    const auto answer = explain(*table_with({}), {}, query);
    ASSERT_FALSE(answer) << query;
    EXPECT_EQ(answer.error().code, ErrorCode::InvalidArgument);
    EXPECT_TRUE(answer.error().message.find("give ") != std::string::npos ||
                answer.error().message.find("at most") != std::string::npos)
        << answer.error().message;
  }
}

}  // namespace
}  // namespace pixell::edge
