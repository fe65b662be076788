#include "cmd/pac/commands/routing.hpp"

#include <gmock/gmock.h>

#include "cmd/pac/testing/fake_pixell.hpp"

namespace pixell::cmd {
namespace {

using model::Routing;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Everything is set.
Routing full() {
  return {.limits = {.max_concurrent = 100,
                     .requests_per_second = 20,
                     .burst = 40,
                     .max_body_bytes = 10 << 20,
                     .timeouts = {.rest_ms = 60'000, .idle_ms = 300'000}},
          .aliases = {"old", "older"},
          .hosts = {"a.example.com"},
          .mirror = {.revision = 13, .permille = 100},
          .legacy = {.address = "10.0.0.7:80", .path_prefix = "/x", .weight_permille = 200}};
}

TEST(ChangedRouting, LeavesWhatIsNotNamed) {
  EXPECT_TRUE(RoutingChange().is_empty());
  EXPECT_EQ(*changed_routing(full(), {}), full());
}

TEST(ChangedRouting, SetsLimits) {
  const auto changed = changed_routing(
      full(), {.max_concurrent = 0, .burst = 5, .max_body = "1KiB", .timeouts = "a2a=5s,rest=0"});

  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->limits,
            (model::RoutingLimits{.requests_per_second = 20,
                                  .burst = 5,
                                  .max_body_bytes = 1'024,
                                  .timeouts = {.a2a_ms = 5'000, .idle_ms = 300'000}}));
}

TEST(ChangedRouting, TakesTheBurstAwayWithItsRate) {
  EXPECT_EQ(changed_routing(full(), {.requests_per_second = 0})->limits.burst, 0);
  EXPECT_EQ(changed_routing(full(), {.requests_per_second = 5})->limits.burst, 40);
}

TEST(ChangedRouting, AddsAndTakesNamesAway) {
  const auto changed = changed_routing(full(), {.aliases = {"new", "old"},
                                                .no_aliases = {"older"},
                                                .hosts = {"b.example.com"},
                                                .no_hosts = {"a.example.com"}});

  ASSERT_TRUE(changed);
  EXPECT_THAT(changed->aliases, ElementsAre("old", "new"));
  EXPECT_THAT(changed->hosts, ElementsAre("b.example.com"));
  EXPECT_EQ(changed_routing(full(), {.no_aliases = {"none"}}).error().code, ErrorCode::NotFound);
  EXPECT_EQ(changed_routing(full(), {.no_hosts = {"none"}}).error().code, ErrorCode::NotFound);
}

TEST(ChangedRouting, MirrorsToAnotherRevisionWithTheSameBodies) {
  Routing before = full();
  before.mirror.max_body_bytes = 7;

  EXPECT_EQ(changed_routing(before, {.mirror = "14=5%"})->mirror,
            (model::Mirror{.revision = 14, .permille = 50, .max_body_bytes = 7}));
  EXPECT_EQ(changed_routing(before, {.no_mirror = true})->mirror, model::Mirror());
}

TEST(ChangedRouting, ChangesTheLegacyTarget) {
  const auto changed = changed_routing(full(), {.legacy = "10.0.0.8:80", .legacy_prefix = ""});

  EXPECT_EQ(changed->legacy,
            (model::LegacyTarget{.address = "10.0.0.8:80", .weight_permille = 200}));
  EXPECT_EQ(changed_routing(full(), {.legacy_weight = "0%"})->legacy.weight_permille, 0);
  EXPECT_EQ(changed_routing(full(), {.no_legacy = true})->legacy, model::LegacyTarget());
}

TEST(ChangedRouting, AsksForTheAddressAndTheShareOfANewLegacyTarget) {
  EXPECT_THAT(changed_routing({}, {.legacy_weight = "5%"}).error().message, HasSubstr("--legacy"));
  EXPECT_THAT(changed_routing({}, {.legacy_prefix = "/x"}).error().message, HasSubstr("--legacy"));
  EXPECT_THAT(changed_routing({}, {.legacy = "10.0.0.7:80"}).error().message,
              HasSubstr("--legacy-weight"));
  EXPECT_EQ(changed_routing({}, {.legacy = "10.0.0.7:80", .legacy_weight = "0%"})->legacy.address,
            "10.0.0.7:80");
}

class RoutingCommandTest : public ::testing::Test {
 protected:
  void SetUp() override { pixell_.reply("GET " + path_, answer(full())); }
  json answer(const Routing& routing) {
    return {{"app", "hello"}, {"generation", 7}, {"routing", model::to_json(routing)}};
  }
  testing::Ran routing(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"routing", "hello"});
    arguments.insert(arguments.end(), {"--url", pixell_.url()});
    return testing::run_pac(std::move(arguments));
  }
  Routing sent() {
    return *model::routing_from_json(json::parse(pixell_.last("PUT " + path_).body));
  }

  const std::string path_ = "/v1/apps/hello/routing";
  testing::FakePixell pixell_;
};

TEST_F(RoutingCommandTest, ShowsAllOfIt) {
  const testing::Ran text = routing({});

  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.out,
            "concurrent  100\n"
            "rate        20/s, burst 40\n"
            "body        10 MiB\n"
            "timeouts    rest 1m, a2a none, ui none, idle 5m\n"
            "aliases     old, older\n"
            "hosts       a.example.com\n"
            "mirror      10% to revision 13, bodies up to 64 KiB\n"
            "legacy      20% to 10.0.0.7:80, prefix /x\n");
  EXPECT_EQ(json::parse(routing({"--json"}).out), answer(full()));
}

TEST_F(RoutingCommandTest, ShowsWhatIsNotSet) {
  pixell_.reply("GET " + path_, answer({}));

  EXPECT_THAT(routing({}).out,
              AllOf(HasSubstr("rate        no limit\n"), HasSubstr("hosts       none"),
                    HasSubstr("mirror      none\nlegacy      none\n")));
}

TEST_F(RoutingCommandTest, ChangesWhatItSaw) {
  pixell_.reply("PUT " + path_, answer({}));

  const testing::Ran ran = routing({"--rps", "50", "--alias", "a", "--alias", "b", "--no-host",
                                    "a.example.com", "--no-mirror", "--legacy-weight", "5%"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(pixell_.last("PUT " + path_).headers.at("if-match"), "\"7\"");
  Routing wanted = full();
  wanted.limits.requests_per_second = 50;
  wanted.aliases = {"old", "older", "a", "b"};
  wanted.hosts = {};
  wanted.mirror = {};
  wanted.legacy.weight_permille = 50;
  EXPECT_EQ(sent(), wanted);
}

TEST_F(RoutingCommandTest, TakesAPrefixAway) {
  pixell_.reply("PUT " + path_, answer({}));

  ASSERT_EQ(routing({"--legacy-prefix", ""}).exit_code, 0);

  EXPECT_EQ(sent().legacy.path_prefix, "");
}

TEST_F(RoutingCommandTest, CreatesAnAppForALegacyServiceOnly) {
  pixell_.reply("GET " + path_, {{"error", "there is no agent app 'hello'"}}, 404);
  pixell_.reply("PUT " + path_, answer({}), 201);

  EXPECT_EQ(routing({"--rps", "5"}).exit_code, 3);
  EXPECT_EQ(routing({}).exit_code, 3);
  const testing::Ran ran = routing({"--legacy", "10.0.0.7:80", "--legacy-weight", "100%"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const testing::Asked put = pixell_.last("PUT " + path_);
  EXPECT_EQ(put.headers.at("if-none-match"), "*");
  EXPECT_FALSE(put.headers.contains("if-match"));
  EXPECT_EQ(sent(), (Routing{.legacy = {.address = "10.0.0.7:80", .weight_permille = 1000}}));
}

TEST_F(RoutingCommandTest, EndsWith5WhenANameIsTaken) {
  pixell_.reply("PUT " + path_, {{"error", "alias 'a' is an alias of app 'b' already"}}, 409);

  const testing::Ran ran = routing({"--alias", "a"});

  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_EQ(ran.err, "pac: alias 'a' is an alias of app 'b' already\n");
}

TEST_F(RoutingCommandTest, EndsWithTheCodeOfWhatIsWrong) {
  EXPECT_EQ(routing({"--no-alias", "none"}).exit_code, 3);
  EXPECT_EQ(routing({"--no-legacy", "--legacy-weight", "5%"}).exit_code, 105);
}

}  // namespace
}  // namespace pixell::cmd
