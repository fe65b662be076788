#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "store/testing/conformance.hpp"

// What every backend must do with the ways an app is reached, and the names it has.

namespace pixell::store {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const model::Routing kLegacy{.legacy = {.address = "10.0.0.7:8080", .weight_permille = 1000}};

/// Gives an app aliases and hosts.
Result<model::AgentApp> name(Store& store, const std::string& app, std::vector<std::string> aliases,
                             std::vector<std::string> hosts = {}) {
  return store.set_routing(app, {.aliases = std::move(aliases), .hosts = std::move(hosts)}, {});
}

/// Ends a deployment of a recorded revision, which gets all traffic.
void serve(Store& store, RecordedRevision recorded) {
  recorded.deployment.state = model::DeploymentState::Completed;
  const auto traffic =
      model::all_to(store.app(recorded.deployment.app_id)->traffic, recorded.revision.number);
  ASSERT_TRUE(store.complete_deployment(recorded.deployment, traffic, 3));
}

TEST_P(StoreTest, ReplacesTheRoutingOfTheGenerationThatWasSeen) {
  serve(*store_, with_revision("hello", 'a'));
  const model::AgentApp seen = *store_->app("hello");
  const model::Routing routing{.limits = {.max_concurrent = 5, .timeouts = {.a2a_ms = 7}},
                               .aliases = {"old-hello", "h1"},
                               .hosts = {"hello.example.com"},
                               .mirror = {.revision = 1, .permille = 100},
                               .legacy = kLegacy.legacy};

  const auto changed = store_->set_routing("hello", routing, seen.generation);
  const auto stale = store_->set_routing("hello", {}, seen.generation);
  reopen();

  ASSERT_TRUE(changed) << changed.error().message << changed.error().detail;
  EXPECT_GT(changed->generation, seen.generation);
  EXPECT_EQ(changed->traffic, seen.traffic);
  EXPECT_EQ(stale.error().code, ErrorCode::Aborted);
  EXPECT_EQ(store_->app("hello")->routing, routing);
  EXPECT_EQ(store_->apps({})->front().routing, routing);
  const auto events = *store_->events({.app_id = "hello", .kind = "app_changed"});
  EXPECT_THAT(events.back().detail, HasSubstr("old-hello"));
}

TEST_P(StoreTest, CreatesAnAppThatALegacyServiceAnswersFor) {
  EXPECT_EQ(name(*store_, "none", {"a"}).error().code, ErrorCode::NotFound);
  EXPECT_EQ(store_->set_routing("none", kLegacy, 7).error().code, ErrorCode::NotFound);

  const auto created = store_->set_routing("none", kLegacy, 0);

  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->routing, kLegacy);
  EXPECT_THAT(created->traffic.legs, IsEmpty());
  EXPECT_THAT(created->short_id, SizeIs(8));
  EXPECT_EQ(store_->set_routing("none", kLegacy, 0).error().code, ErrorCode::Aborted);
  serve(*store_, with_revision("none", 'a'));
  EXPECT_EQ(store_->app("none")->routing, kLegacy) << "it stays when the app is deployed";
}

TEST_P(StoreTest, GivesNoAliasTwice) {
  accept("hello");
  accept("other");
  ASSERT_TRUE(name(*store_, "hello", {"before"}));
  const auto refused = [&](const std::string& alias) {
    const std::int64_t before = store_->app("other")->generation;
    const auto result = name(*store_, "other", {"free", alias});
    EXPECT_FALSE(result) << alias;
    EXPECT_EQ(result.error().code, ErrorCode::AlreadyExists) << alias;
    EXPECT_EQ(store_->app("other")->generation, before);
    return result.error().message;
  };

  EXPECT_THAT(refused("before"), AllOf(HasSubstr("'before' is an alias of app 'hello'")));
  EXPECT_THAT(refused("hello"), HasSubstr("'hello' is the id of app 'hello'"));
  EXPECT_THAT(refused(store_->app("hello")->short_id), HasSubstr("the short id of app 'hello'"));
  EXPECT_THAT(refused("other"), HasSubstr("the id of app 'other'"));
  EXPECT_TRUE(name(*store_, "hello", {"free", "before"})) << "a refused change reserved nothing";
}

TEST_P(StoreTest, GivesNoHostTwice) {
  accept("hello");
  accept("other");
  ASSERT_TRUE(name(*store_, "hello", {}, {"a.example.com"}));

  const auto refused = name(*store_, "other", {}, {"a.example.com"});

  EXPECT_EQ(refused.error().code, ErrorCode::AlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("'a.example.com' is a host of app 'hello'"));
  EXPECT_TRUE(name(*store_, "other", {"a.example.com"})) << "an alias is another thing";
}

TEST_P(StoreTest, CreatesNoAppUnderAnAliasOfAnother) {
  accept("hello");
  ASSERT_TRUE(name(*store_, "hello", {"taken"}));

  const auto deployed = store_->accept_deployment({.app_id = "taken"});
  const auto pushed = store_->add_package(package("taken"), false);
  const auto routed = store_->set_routing("taken", kLegacy, {});

  for (const Error& error : {deployed.error(), pushed.error(), routed.error()}) {
    EXPECT_EQ(error.code, ErrorCode::AlreadyExists);
    EXPECT_THAT(error.message, HasSubstr("'taken' is an alias of app 'hello'"));
  }
  EXPECT_EQ(store_->app("taken").error().code, ErrorCode::NotFound);
}

TEST_P(StoreTest, FreesNamesThatAreTakenAwayOrWhoseAppIsGone) {
  accept("hello");
  accept("other");
  ASSERT_TRUE(name(*store_, "hello", {"a", "b"}, {"h"}));
  ASSERT_TRUE(name(*store_, "hello", {"b"}, {"h"}));
  EXPECT_TRUE(name(*store_, "other", {"a"}));

  ASSERT_TRUE(store_->delete_app("hello", {}));
  ASSERT_TRUE(store_->remove_app("hello", kToken));

  EXPECT_TRUE(name(*store_, "other", {"a", "b", "hello"}, {"h"}));
  EXPECT_EQ(store_->accept_deployment({.app_id = "hello"}).error().code, ErrorCode::AlreadyExists);
}

TEST_P(StoreTest, MirrorsOnlyToARevisionWithALeg) {
  serve(*store_, with_revision("hello", 'a'));
  serve(*store_, with_revision("hello", 'b'));
  const model::Routing mirrored{.aliases = {"h1"}, .mirror = {.revision = 1, .permille = 100}};
  const auto without_leg = store_->set_routing("hello", mirrored, {});
  const auto tagged = model::with_tag(store_->app("hello")->traffic, 1, "shadow");
  ASSERT_TRUE(store_->update_app("hello", &tagged, nullptr, {}));

  EXPECT_EQ(without_leg.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(without_leg.error().message, HasSubstr("give it a share or a tag first"));
  EXPECT_TRUE(store_->set_routing("hello", mirrored, {}));
}

TEST_P(StoreTest, DropsTheMirrorWithTheLegOfItsRevision) {
  serve(*store_, with_revision("hello", 'a'));
  const model::Routing mirrored{.aliases = {"h1"}, .mirror = {.revision = 1, .permille = 100}};
  ASSERT_TRUE(store_->set_routing("hello", mirrored, {}));

  serve(*store_, with_revision("hello", 'b'));

  const auto events = *store_->events({.app_id = "hello", .kind = "app_changed"});
  EXPECT_EQ(store_->app("hello")->routing, (model::Routing{.aliases = {"h1"}}));
  EXPECT_THAT(events.back().detail, HasSubstr(R"("mirror":null)"));
}

TEST_P(StoreTest, LeavesAnAppAloneThatIsBeingDeleted) {
  accept("hello");
  ASSERT_TRUE(store_->delete_app("hello", {}));

  EXPECT_EQ(name(*store_, "hello", {"a"}).error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(store_->set_routing("hello", kLegacy, {}).error().code, ErrorCode::FailedPrecondition);
}

TEST_P(StoreTest, IsTold) {
  accept("hello");
  const auto before = *store_->events({.app_id = "hello", .kind = "app_changed"});

  ASSERT_TRUE(name(*store_, "hello", {"a"}));
  const model::AppSettings settings{.instances = 2};
  ASSERT_TRUE(store_->update_app("hello", nullptr, &settings, {}));

  const auto events = *store_->events({.app_id = "hello", .kind = "app_changed"});
  ASSERT_EQ(events.size(), before.size() + 2);
  EXPECT_THAT(events[before.size()].detail, HasSubstr(R"("routing":)"));
  EXPECT_THAT(events.back().detail, Not(HasSubstr("routing"))) << "only with its change";
  EXPECT_TRUE(store_->verify_events());
}

TEST_P(StoreTest, IsPartOfARoute) {
  accept("hello");
  model::Route wanted = route("hello", 1);
  const auto first = *store_->set_route(wanted, kToken);
  wanted.routing = {.limits = {.requests_per_second = 5}, .aliases = {"h1"}};

  const auto second = *store_->set_route(wanted, kToken);
  const auto same = *store_->set_route(wanted, kToken);
  reopen();

  EXPECT_GT(second, first);
  EXPECT_EQ(same, second);
  EXPECT_EQ(store_->route("hello")->route.routing, wanted.routing);
  EXPECT_EQ(store_->routes()->routes.at(0).routing, wanted.routing);
}

TEST_P(StoreTest, MakesARouteWithoutLegs) {
  accept("hello");
  model::Route wanted = route("hello", 1);
  wanted.legs.clear();
  wanted.routing = kLegacy;

  ASSERT_TRUE(store_->set_route(wanted, kToken));
  EXPECT_THAT(store_->routes()->routes, SizeIs(1));

  wanted.routing = {};
  ASSERT_TRUE(store_->set_route(wanted, kToken));
  EXPECT_THAT(store_->routes()->routes, IsEmpty());
}

}  // namespace
}  // namespace pixell::store
