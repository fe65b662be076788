#include "par/surface/route_match.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace pixell::par {
namespace {

constexpr std::string_view kBase = "/agents/a1";

struct Row {
  const char* name;
  RouteRequest request;
  Route expected;
  RouteContext context;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

// An agent with everything, at a base path.
RouteContext full() { return {.base = kBase, .has_ui = true, .has_rest = true}; }
RouteContext root() { return {.base = "", .has_ui = true, .has_rest = true}; }
RouteContext rest_only() { return {.base = kBase, .has_rest = true}; }
RouteContext ui_only() { return {.base = kBase, .has_ui = true}; }
RouteContext own_server() { return {.base = kBase, .has_http_server = true}; }
RouteContext with_metrics() { return {.base = kBase, .has_rest = true, .has_metrics = true}; }
RouteContext a2a() {
  return {.base = kBase, .has_rest = true, .has_a2a_http = true, .has_entrypoint = true};
}
RouteContext nothing() { return {.base = kBase}; }
RouteContext apart() { return {.base = kBase, .multiplexed = false, .has_ui = true}; }

class RouteMatchTable : public testing::TestWithParam<Row> {};

TEST_P(RouteMatchTable, Decides) {
  EXPECT_EQ(static_cast<int>(match_route(GetParam().request, GetParam().context).route),
            static_cast<int>(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RouteMatchTable,
    testing::Values(
        Row{"Health", {"GET", "/health"}, Route::Health, full()},
        Row{"BaseHealth", {"GET", "/agents/a1/health"}, Route::Health, full()},
        Row{"HeadHealth", {"HEAD", "/health"}, Route::Health, full()},
        Row{"PostHealthIsTheAgents", {"POST", "/health"}, Route::Rest, full()},
        Row{"PostHealthOfNobody", {"POST", "/health"}, Route::MethodNotAllowed, nothing()},
        Row{"A2aHealth", {"GET", "/agents/a1/a2a/health"}, Route::A2aHealth, full()},
        Row{"PlainA2aHealth", {"GET", "/a2a/health"}, Route::A2aHealth, full()},
        Row{"UiHealth", {"GET", "/ui/health"}, Route::UiHealth, full()},
        Row{"UiPortHealth",
            {.method = "GET", .path = "/health", .on_ui_port = true},
            Route::UiPortHealth,
            apart()},
        Row{"UiPortShowsThePage",
            {.method = "GET", .path = "/agents/a1/", .on_ui_port = true},
            Route::UiFile,
            apart()},
        Row{"UiPortMultiplexed",
            {.method = "GET", .path = "/health", .on_ui_port = true},
            Route::Health,
            full()},
        Row{"OtherAgentHealth", {"GET", "/agents/b2/health"}, Route::AgentHealth, full()},
        Row{"NestedAgentHealth",
            {"GET", "/agents/a1/agents/a1/health"},
            Route::AgentHealth,
            full()},
        Row{"AgentHealthAtRoot", {"GET", "/agents/a1/health"}, Route::AgentHealth, root()},
        Row{"Meta", {"GET", "/agents/a1/meta"}, Route::Meta, full()},
        Row{"MetaAtRoot", {"GET", "/meta"}, Route::Meta, root()},
        Row{"MetaWithoutBase", {"GET", "/meta"}, Route::Rest, full()},
        Row{"BaseWithoutSlash", {"GET", "/agents/a1"}, Route::AddSlash, full()},
        Row{"PostBaseWithoutSlash", {"POST", "/agents/a1"}, Route::HttpServer, own_server()},
        Row{"BaseForPrograms", {"GET", "/agents/a1/"}, Route::ServiceInfo, full()},
        Row{"BaseForBrowsers",
            {.method = "GET", .path = "/agents/a1/", .accepts_html = true},
            Route::Rest,
            full()},
        Row{"BaseForBrowsersWithoutUi",
            {.method = "GET", .path = "/agents/a1/", .accepts_html = true},
            Route::ServiceInfo,
            rest_only()},
        Row{"BaseOfAnOwnServerForBrowsers",
            {.method = "GET", .path = "/agents/a1/", .accepts_html = true},
            Route::HttpServer,
            own_server()},
        Row{"BaseOfAnOwnServerForPrograms",
            {"GET", "/agents/a1/"},
            Route::ServiceInfo,
            own_server()},
        Row{"Doubled", {"GET", "/agents/a1/agents/a1/api/x"}, Route::DoubledBase, full()},
        Row{"SimilarPrefix", {"GET", "/agents/a11/api"}, Route::Rest, full()},
        Row{"Api", {"GET", "/agents/a1/api/status"}, Route::Rest, full()},
        Row{"ApiAtRoot", {"GET", "/api/status"}, Route::Rest, full()},
        Row{"ApiOfNobody", {"POST", "/agents/a1/api/x"}, Route::NotFound, ui_only()},
        Row{"UiConfig", {"GET", "/agents/a1/ui-config.json"}, Route::UiConfig, full()},
        Row{"UiConfigAlias", {"GET", "/agents/a1/ui/ui-config.json"}, Route::UiConfig, full()},
        Row{"UiAliasWithoutSlash", {"GET", "/agents/a1/ui"}, Route::AddSlash, full()},
        Row{"UiFileOnly", {"GET", "/agents/a1/app.js"}, Route::UiFile, ui_only()},
        Row{"NoUiNoAgent", {"GET", "/agents/a1/app.js"}, Route::NotFound, nothing()},
        Row{"UiOutsideBase", {"GET", "/app.js"}, Route::NotFound, ui_only()},
        Row{"OwnServer", {"POST", "/agents/a1/a2a"}, Route::HttpServer, own_server()},
        Row{"Metrics", {"GET", "/metrics"}, Route::Metrics, with_metrics()},
        Row{"MetricsAtBase", {"GET", "/agents/a1/metrics"}, Route::Metrics, with_metrics()},
        Row{"MetricsOfTheAgent", {"GET", "/metrics"}, Route::Rest, rest_only()},
        Row{"MetricsByPost", {"POST", "/metrics"}, Route::Rest, with_metrics()},
        Row{"Card", {"GET", "/agents/a1/.well-known/agent.json"}, Route::AgentCard, a2a()},
        Row{"CardAtRoot", {"HEAD", "/a2a/.well-known/agent.json"}, Route::AgentCard, a2a()},
        Row{"CardOfNoA2a", {"GET", "/.well-known/agent.json"}, Route::Rest, rest_only()},
        Row{"RpcAtBase", {"POST", "/agents/a1"}, Route::A2aRpc, a2a()},
        Row{"RpcAtBaseSlash", {"POST", "/agents/a1/"}, Route::A2aRpc, a2a()},
        Row{"RpcAtA2a", {"POST", "/agents/a1/a2a"}, Route::A2aRpc, a2a()},
        Row{"RpcAtA2aSlash", {"POST", "/a2a/"}, Route::A2aRpc, a2a()},
        Row{"RpcAtRoot", {"POST", "/"}, Route::A2aRpc, a2a()},
        Row{"GetA2aIsTheAgents", {"GET", "/agents/a1/a2a"}, Route::Rest, a2a()},
        Row{"Stream", {"POST", "/agents/a1/a2a/stream"}, Route::A2aStream, a2a()},
        Row{"Respond", {"POST", "/respond"}, Route::A2aRespond, a2a()},
        Row{"Invoke", {"POST", "/agents/a1/invoke"}, Route::Invoke, a2a()},
        Row{"InvokeIsNotBelowA2a", {"POST", "/agents/a1/a2a/invoke"}, Route::Rest, a2a()},
        Row{"InvokeWithoutEntrypoint", {"POST", "/invoke"}, Route::Rest, rest_only()},
        Row{"OwnServerHealthIsBuiltIn", {"GET", "/health"}, Route::Health, own_server()},
        Row{"Grpc",
            {.method = "POST", .path = "/pixell.agent.AgentService/Ping", .is_grpc = true},
            Route::Grpc,
            full()}),
    [](const auto& row) { return row.param.name; });

TEST(RouteMatch, NamesTheFilesThatMayAnswer) {
  using Paths = std::vector<std::string>;
  EXPECT_EQ(match_route({"GET", "/agents/a1/css/a.css"}, full()).ui_paths, Paths{"css/a.css"});
  EXPECT_EQ(match_route({"GET", "/agents/a1/ui/a.css"}, full()).ui_paths,
            (Paths{"ui/a.css", "a.css"}));
  EXPECT_EQ(match_route({"GET", "/agents/a1/ui/"}, full()).ui_paths, (Paths{"ui/", ""}));
  EXPECT_TRUE(match_route({"POST", "/agents/a1/css/a.css"}, full()).ui_paths.empty());

  RouteContext mounted = full();
  mounted.ui_base = "/panel";
  EXPECT_EQ(match_route({"GET", "/agents/a1/panel/x"}, mounted).ui_paths, Paths{"x"});
  EXPECT_TRUE(match_route({"GET", "/agents/a1/x"}, mounted).ui_paths.empty());
  EXPECT_EQ(match_route({"GET", "/agents/a1/ui/x"}, mounted).ui_paths, Paths{"x"});
  EXPECT_EQ(match_route({"GET", "/agents/a1/panel"}, mounted).route, Route::AddSlash);
}

TEST(RouteMatch, FallsBackToThePageForPeopleNotForPrograms) {
  const auto page = [](const char* path, bool accepts_html, const RouteContext& context) {
    return match_route({.method = "GET", .path = path, .accepts_html = accepts_html}, context)
        .spa_fallback;
  };
  EXPECT_TRUE(page("/agents/a1/settings", true, full()));
  EXPECT_FALSE(page("/agents/a1/settings", false, full()));
  EXPECT_TRUE(page("/agents/a1/ui/settings", false, full()));
  EXPECT_FALSE(page("/agents/a1/ui/missing.js", false, full()));
  EXPECT_TRUE(page("/agents/a1/settings", false, ui_only()));
  EXPECT_FALSE(page("/agents/a1/missing.js", false, ui_only()));
  EXPECT_TRUE(page("/agents/a1/v1.2/page", true, ui_only()));
  EXPECT_FALSE(page("/agents/a1/api/missing", true, full()));
  EXPECT_FALSE(page("/agents/a1/ui/api/missing", true, full()));
  EXPECT_FALSE(page("/agents/a1/a2a/clarifications", true, full()));
  EXPECT_FALSE(page("/settings", true, full()));
}

TEST(RouteMatch, StripsThePrefixesOfAnOwnServer) {
  const auto path = [](const char* sent) {
    return match_route({"POST", sent}, own_server()).agent_path;
  };
  EXPECT_EQ(path("/agents/a1"), "/");
  EXPECT_EQ(path("/agents/a1/"), "/");
  EXPECT_EQ(path("/agents/a1/a2a"), "/");
  EXPECT_EQ(path("/agents/a1/a2a/respond"), "/respond");
  EXPECT_EQ(path("/agents/a1/respond"), "/respond");
  EXPECT_EQ(path("/respond"), "/respond");
  EXPECT_EQ(path("/a2a"), "/");
}

TEST(RouteMatch, GivesApiToRestWhenThereIsAlsoAServer) {
  const RouteContext both{.base = kBase, .has_rest = true, .has_http_server = true};
  EXPECT_EQ(match_route({"GET", "/agents/a1/api/x"}, both).route, Route::Rest);
  EXPECT_EQ(match_route({"GET", "/docs"}, both).route, Route::Rest);
  EXPECT_EQ(match_route({"POST", "/agents/a1/"}, both).route, Route::HttpServer);
}

TEST(RouteMatch, LeavesToRestWhatItClaims) {
  const std::vector<std::string> claims = {"POST /invoke", "POST /a2a",
                                           "GET /.well-known/agent.json"};
  RouteContext context = a2a();
  context.rest_claims = claims;
  EXPECT_EQ(match_route({"POST", "/agents/a1/invoke"}, context).route, Route::Rest);
  EXPECT_EQ(match_route({"POST", "/a2a/"}, context).route, Route::Rest);
  EXPECT_EQ(match_route({"HEAD", "/.well-known/agent.json"}, context).route, Route::Rest);
  EXPECT_EQ(match_route({"POST", "/agents/a1/"}, context).route, Route::A2aRpc);
  EXPECT_EQ(match_route({"GET", "/a2a/.well-known/agent.json"}, context).route, Route::AgentCard);
}

TEST(RouteMatch, TellsTheIdOfAHealthQuestion) {
  EXPECT_EQ(match_route({"GET", "/agents/other/health"}, full()).agent_id, "other");
  EXPECT_NE(match_route({"GET", "/agents/a/b/health"}, full()).route, Route::AgentHealth);
}

}  // namespace
}  // namespace pixell::par
