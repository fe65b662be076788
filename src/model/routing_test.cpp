#include "model/routing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "model/routes.hpp"

namespace pixell::model {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Everything that can be asked, each at its largest.
Routing whole() {
  Routing routing{.limits = {.max_concurrent = kMaxConcurrentLimit,
                             .requests_per_second = kMaxRateLimit,
                             .burst = kMaxRateLimit,
                             .max_body_bytes = kMaxBodyLimit,
                             .timeouts = {.rest_ms = kMaxTimeoutMs,
                                          .a2a_ms = kMaxTimeoutMs,
                                          .ui_ms = kMaxTimeoutMs,
                                          .idle_ms = kMaxTimeoutMs}},
                  .mirror = {.revision = std::numeric_limits<std::int64_t>::max(),
                             .permille = 1000,
                             .max_body_bytes = kMaxMirroredBody},
                  .legacy = {.address = "10.0.0.7:8080",
                             .path_prefix = "/v1/agents.old/a_b-c~d",
                             .weight_permille = 1000}};
  for (std::size_t i = 0; i < kMaxAliases; ++i)
    routing.aliases.push_back("a" + std::string(kMaxAliasBytes - 3, '.') + std::to_string(10 + i));
  for (std::size_t i = 0; i < kMaxHosts; ++i)
    routing.hosts.push_back("h" + std::to_string(i) + ".example-1.com");
  return routing;
}

TEST(Routing, ComesBackFromItsJson) {
  for (const Routing& routing :
       {Routing(), whole(), Routing{.aliases = {"old"}}, Routing{.limits = {.burst = 3}}}) {
    const auto back = routing_from_json(json::parse(to_json(routing).dump()));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, routing);
  }
}

TEST(Routing, HasDefaultsForWhatIsNotThere) {
  EXPECT_EQ(*routing_from_json(nullptr), Routing());
  EXPECT_EQ(*routing_from_json(json::object()), Routing());
  EXPECT_EQ(*routing_from_json({{"limits", nullptr}, {"mirror", nullptr}, {"legacy", nullptr}}),
            Routing());
  const auto mirror = routing_from_json({{"mirror", {{"revision", 3}, {"permille", 10}}}});
  EXPECT_EQ(mirror->mirror.max_body_bytes, 64 * 1024);
  const auto legacy = routing_from_json({{"legacy", {{"address", "10.0.0.7:80"}}}});
  EXPECT_EQ(legacy->legacy, (LegacyTarget{.address = "10.0.0.7:80"}));
  EXPECT_EQ(to_json(Routing())["mirror"], nullptr);
  EXPECT_EQ(to_json(Routing())["legacy"], nullptr);
}

TEST(Routing, RefusesAnotherForm) {
  for (const json& wrong :
       {json(7), json("x"), json::array(), json{{"limits", 7}}, json{{"limits", {{"burst", "x"}}}},
        json{{"limits", {{"timeouts", {{"rest_ms", "soon"}}}}}}, json{{"aliases", "x"}},
        json{{"aliases", {7}}}, json{{"hosts", {{"a", 1}}}}, json{{"mirror", 7}},
        json{{"mirror", {{"revision", 1}}}}, json{{"legacy", json::object()}},
        json{{"legacy", {{"address", 7}}}}}) {
    const auto read = routing_from_json(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(read.error().message, HasSubstr("not a routing"));
  }
}

TEST(Routing, TravelsWithItsRoute) {
  const RouteSnapshot snapshot{.generation = 3,
                               .routes = {{.app_id = "hello", .legs = {}, .routing = whole()},
                                          {.app_id = "plain", .legs = {}}}};

  const auto back = route_snapshot_from_json(to_json(snapshot));

  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->routes.at(0).routing, whole());
  EXPECT_EQ(back->routes.at(1).routing, Routing());
}

TEST(CheckRouting, FindsNothingInWhatIsRight) {
  EXPECT_THAT(check_routing(Routing()), IsEmpty());
  for (const RoutingFinding& finding : check_routing(whole()))
    ADD_FAILURE() << finding.pointer << ": " << finding.message;
}

struct Wrong {
  const char* name;
  Routing routing;
  const char* pointer;
  const char* told;
};
class CheckRoutingTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(CheckRoutingTest, NamesPlaceValueAndRemedy) {
  const auto findings = check_routing(GetParam().routing);

  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].pointer, GetParam().pointer);
  EXPECT_THAT(findings[0].message, HasSubstr(GetParam().told));
}

std::string host_of(std::size_t bytes) {
  std::string host;
  while (host.size() + 2 < bytes) host += "a.";
  return host.append(bytes - host.size(), 'a');
}

Routing with_names(std::vector<std::string> aliases, std::vector<std::string> hosts = {}) {
  return {.aliases = std::move(aliases), .hosts = std::move(hosts)};
}
Routing with_limits(const RoutingLimits& limits) { return {.limits = limits}; }
Routing with_legacy(const LegacyTarget& legacy) { return {.legacy = legacy}; }
std::vector<std::string> many(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("n" + std::to_string(i));
  return names;
}

INSTANTIATE_TEST_SUITE_P(
    Findings, CheckRoutingTest,
    ::testing::Values(
        Wrong{"Concurrent", with_limits({.max_concurrent = -1}), "/limits/max_concurrent",
              "max_concurrent -1 must be 0 (no limit) to 1000000"},
        Wrong{"TooManyConcurrent", with_limits({.max_concurrent = kMaxConcurrentLimit + 1}),
              "/limits/max_concurrent", "1000001"},
        Wrong{"Rate", with_limits({.requests_per_second = kMaxRateLimit + 1}),
              "/limits/requests_per_second", "requests_per_second 1000001"},
        Wrong{"Burst", with_limits({.requests_per_second = 1, .burst = -1}), "/limits/burst",
              "burst -1"},
        Wrong{"BurstWithoutRate", with_limits({.burst = 9}), "/limits/burst",
              "burst 9 needs requests_per_second"},
        Wrong{"Body", with_limits({.max_body_bytes = kMaxBodyLimit + 1}), "/limits/max_body_bytes",
              "max_body_bytes"},
        Wrong{"RestTimeout", with_limits({.timeouts = {.rest_ms = kMaxTimeoutMs + 1}}),
              "/limits/timeouts/rest_ms", "rest_ms 86400001"},
        Wrong{"A2aTimeout", with_limits({.timeouts = {.a2a_ms = -5}}), "/limits/timeouts/a2a_ms",
              "a2a_ms -5"},
        Wrong{"UiTimeout", with_limits({.timeouts = {.ui_ms = -5}}), "/limits/timeouts/ui_ms",
              "ui_ms -5"},
        Wrong{"IdleTimeout", with_limits({.timeouts = {.idle_ms = -5}}), "/limits/timeouts/idle_ms",
              "idle_ms -5"},
        Wrong{"EmptyAlias", with_names({"a", ""}), "/aliases/1", "alias ''"},
        Wrong{"AliasWithTag", with_names({"a@b"}), "/aliases/0", "alias 'a@b' must be"},
        Wrong{"AliasWithSlash", with_names({"a/b"}), "/aliases/0", "alias 'a/b'"},
        Wrong{"AliasWithDotFirst", with_names({"..", "b"}), "/aliases/0",
              "a letter or digit first"},
        Wrong{"LongAlias", with_names({std::string(kMaxAliasBytes + 1, 'a')}), "/aliases/0",
              "1 to 128"},
        Wrong{"AliasTwice", with_names({"a", "b", "a"}), "/aliases/2", "'a' is there twice"},
        Wrong{"TooManyAliases", with_names(many(kMaxAliases + 1)), "/aliases",
              "65 aliases are more than 64"},
        Wrong{"HostWithPort", with_names({}, {"a.example:80"}), "/hosts/0", "without a port"},
        Wrong{"UpperCaseHost", with_names({}, {"A.example"}), "/hosts/0", "in lower case"},
        Wrong{"EmptyLabel", with_names({}, {"a..b"}), "/hosts/0", "host 'a..b'"},
        Wrong{"HostWithDotLast", with_names({}, {"a."}), "/hosts/0", "host 'a.'"},
        Wrong{"HostWithHyphenFirst", with_names({}, {"-a.b"}), "/hosts/0", "begin or end with '-'"},
        Wrong{"LabelWithHyphenFirst", with_names({}, {"a.-b"}), "/hosts/0", "host 'a.-b'"},
        Wrong{"LabelWithHyphenLast", with_names({}, {"a-.b"}), "/hosts/0", "host 'a-.b'"},
        Wrong{"LongLabel", with_names({}, {std::string(64, 'a') + ".b"}), "/hosts/0", "host name"},
        Wrong{"LongHost", with_names({}, {host_of(254)}), "/hosts/0", "host name"},
        Wrong{"HostTwice", with_names({}, {"a", "a"}), "/hosts/1", "'a' is there twice"},
        Wrong{"TooManyHosts", with_names({}, many(kMaxHosts + 1)), "/hosts",
              "65 hosts are more than 64"},
        Wrong{"MirrorRevision",
              {.mirror = {.revision = -1, .permille = 1}},
              "/mirror/revision",
              "revision -1"},
        Wrong{"MirrorShare",
              {.mirror = {.revision = 1, .permille = 0}},
              "/mirror/permille",
              "permille 0 must be 1 to 1000"},
        Wrong{"MirrorShareTooLarge",
              {.mirror = {.revision = 1, .permille = 1001}},
              "/mirror/permille",
              "permille 1001"},
        Wrong{"MirroredBody",
              {.mirror = {.revision = 1, .permille = 1, .max_body_bytes = kMaxMirroredBody + 1}},
              "/mirror/max_body_bytes",
              "max_body_bytes 1048577"},
        Wrong{"LegacyWithoutAddress", with_legacy({.weight_permille = 1}), "/legacy/address",
              "give it like 10.0.0.7:8080"},
        Wrong{"LegacyShare", with_legacy({.address = "a", .weight_permille = 1001}),
              "/legacy/weight_permille", "weight_permille 1001"},
        Wrong{"PrefixWithoutSlash", with_legacy({.address = "a", .path_prefix = "x"}),
              "/legacy/path_prefix", "path_prefix 'x' must begin with '/'"},
        Wrong{"PrefixWithSlashLast", with_legacy({.address = "a", .path_prefix = "/x/"}),
              "/legacy/path_prefix", "not end with it"},
        Wrong{"PrefixThatLeadsUp", with_legacy({.address = "a", .path_prefix = "/x/../y"}),
              "/legacy/path_prefix", "must not hold '.' or '..'"},
        Wrong{"PrefixThatEndsAbove", with_legacy({.address = "a", .path_prefix = "/x/.."}),
              "/legacy/path_prefix", "must not hold '.' or '..'"},
        Wrong{"PrefixThatStays", with_legacy({.address = "a", .path_prefix = "/."}),
              "/legacy/path_prefix", "path_prefix '/.'"},
        Wrong{"PrefixWithEscape", with_legacy({.address = "a", .path_prefix = "/x%20"}),
              "/legacy/path_prefix", "path_prefix '/x%20'"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CheckRouting, TellsAllFindingsAtOnce) {
  Routing routing = with_names({"a/b"}, {"A"});
  routing.limits.burst = 2;
  routing.mirror.permille = 5;

  EXPECT_THAT(check_routing(routing), SizeIs(4));
}

}  // namespace
}  // namespace pixell::model
