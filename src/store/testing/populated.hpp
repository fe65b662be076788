#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/testing/fake_clock.hpp"
#include "store/store.hpp"

// One story that leaves rows in every table, and what has to be read of it in every later version.
// A version that adds columns or tables adds to both, for its own and later fixtures.
namespace pixell::store {

inline constexpr FencingToken kStoryToken = 1;

inline model::Package story_package(char digit) {
  model::Package package;
  package.sha256 = std::string(64, digit);
  package.app_id = "hello";
  package.name = "hello";
  package.version = digit == 'a' ? "1.0.0" : "2.0.0";
  package.size_bytes = 1'234;
  package.manifest_json = R"({"name":"hello"})";
  package.source = "https://example.com/hello.apkg";  // of version 3
  return package;
}

/// Of version 4.
inline model::Routing story_routing() {
  return {.limits = {.requests_per_second = 20, .timeouts = {.rest_ms = 60'000}},
          .aliases = {"hello-of-before"},
          .hosts = {"hello.example.com"},
          .mirror = {.revision = 2, .permille = 100},
          .legacy = {.address = "10.0.0.7:8080", .path_prefix = "/x", .weight_permille = 200}};
}

/// Of version 6.
inline model::Scaling story_scaling() {
  return {.min_instances = 2,
          .max_instances = 6,
          .metric = model::ScalingMetric::Memory,
          .percent = 70};
}

/// Writes a deployment of `hello` to its end.
inline void deploy_hello(Store& store, FakeClock& clock, const std::string& id, char digit) {
  NewDeployment wanted;
  wanted.id = id;
  wanted.app_id = "hello";
  wanted.package_url = "https://example.com/hello.apkg";
  wanted.expected_sha256 = std::string(64, digit);
  wanted.release_notes = "it's \"new\"";
  wanted.environment = {{"KEY", "väl\n'1'"}};
  wanted.resources.memory_mb = 128;
  wanted.limits.cpu_milli = 500;                          // of version 2, as is disk_mb
  wanted.strategy.kind = model::StrategyKind::BlueGreen;  // of version 3
  wanted.tag = "green";
  ASSERT_TRUE(store.accept_deployment(wanted));
  clock.advance(Millis(1'000));
  auto deployment = store.deployment(id);
  deployment->state = model::DeploymentState::Processing;
  deployment->started_at = clock.unix_now();
  deployment->resources.disk_mb = 77;
  auto recorded = store.record_revision(*deployment, story_package(digit), kStoryToken);
  ASSERT_TRUE(recorded) << recorded.error().message;
  clock.advance(Millis(1'000));
  recorded->deployment.state = model::DeploymentState::Completed;
  recorded->deployment.completed_at = clock.unix_now();
  const auto before = store.app("hello");
  ASSERT_TRUE(before);
  const std::int64_t revision = recorded->deployment.revision;
  ASSERT_TRUE(store.complete_deployment(recorded->deployment,
                                        model::all_to(before->traffic, revision), kStoryToken));
}

/// Writes the whole story to an empty store.
inline void populate(Store& store, FakeClock& clock) {
  ASSERT_TRUE(store.acquire_lease("reconciler", "control-1", Millis(10'000), false));
  deploy_hello(store, clock, "01STORY0000000000000000001", 'a');
  deploy_hello(store, clock, "01STORY0000000000000000002", 'b');
  const model::AppSettings settings{.instances = 2, .scaling = story_scaling()};  // version 6
  ASSERT_TRUE(store.update_app("hello", nullptr, &settings, {}));
  ASSERT_TRUE(store.set_routing("hello", story_routing(), {}));
  ASSERT_TRUE(store.place_rules("hello", {{.arn = "arn:listener", .max_apps = 1}}));  // version 5
  ASSERT_TRUE(store.reserve_reply("POST /x key", "digest"));
  ASSERT_TRUE(store.keep_reply("POST /x key", {.request_digest = "digest",
                                               .status = 201,
                                               .content_type = "application/json",
                                               .location = "/x/1",
                                               .body = "{}"}));
  NewDeployment failing;
  failing.id = "01STORY0000000000000000003";
  failing.app_id = "broken";
  ASSERT_TRUE(store.accept_deployment(failing));
  auto failed = store.deployment(failing.id);
  failed->state = model::DeploymentState::Failed;
  failed->failure = model::make_failure(model::Cause::MissingModule, "no yaml", {"line 1"});
  ASSERT_TRUE(store.update_deployment(*failed, kStoryToken));
  NewDeployment waiting;
  waiting.id = "01STORY0000000000000000004";
  waiting.app_id = "waiting";
  waiting.idempotency_key = "key-1";
  waiting.request_digest = "digest-1";
  ASSERT_TRUE(store.accept_deployment(waiting));

  model::Instance instance;
  instance.id = "instance-1";
  instance.app_id = "hello";
  instance.revision = 2;
  instance.phase = model::InstancePhase::Ready;
  instance.address = "unix:/run/instance-1/par.sock";
  instance.pid = 4'321;
  instance.boot_phase = "ready";
  instance.started_at = 5;
  instance.changed_at = 6;
  instance.boot_report = model::BootReport{};
  instance.boot_report->ready = true;
  instance.boot_report->package_sha256 = std::string(64, 'b');
  ASSERT_TRUE(store.put_instance(instance, kStoryToken));
  model::Route route;
  route.app_id = "hello";
  route.short_id = store.app("hello")->short_id;
  route.name = "hello";
  route.description = "says hello";
  route.version = "2.0.0";
  model::RouteLeg leg;
  leg.revision = 2;
  leg.weight_permille = 1'000;
  leg.tag = "blue";
  leg.addresses = {instance.address};
  route.legs = {leg};
  route.sticky = {.by = model::StickyBy::Cookie, .name = "c"};
  route.routing = story_routing();
  ASSERT_TRUE(store.set_route(route, kStoryToken));
  StepRecord step;
  step.key = "open-step";
  step.app_id = "waiting";
  step.deployment_id = waiting.id;
  step.kind = "import_package";
  step.detail = "{}";
  ASSERT_TRUE(store.begin_step(step, kStoryToken));
  step.key = "failed-step";
  ASSERT_TRUE(store.begin_step(step, kStoryToken));
  const Error why = make_error(ErrorCode::Unavailable, "node is away");
  ASSERT_TRUE(store.finish_step(step.key, &why, kStoryToken));
}

inline void expect_apps_of_the_story(Store& store, int version) {
  const auto apps = store.apps({});
  ASSERT_TRUE(apps) << apps.error().message;
  ASSERT_EQ(apps->size(), 3u);
  EXPECT_EQ((*apps)[0].id, "broken");
  EXPECT_TRUE((*apps)[0].traffic.legs.empty());
  const model::AgentApp& hello = (*apps)[1];
  EXPECT_EQ(hello.id, "hello");
  ASSERT_EQ(hello.traffic.legs.size(), 1u);
  EXPECT_EQ(hello.traffic.legs[0], (model::TrafficLeg{.revision = 2, .weight_permille = 1'000}));
  EXPECT_EQ(hello.settings.instances, version < 3 ? 1 : 2);
  EXPECT_EQ(hello.settings.scaling,
            version < 6 ? std::nullopt : std::optional<model::Scaling>(story_scaling()));
  EXPECT_EQ(hello.routing, version < 4 ? model::Routing() : story_routing());
  const auto place = store.rule_place("hello");
  ASSERT_TRUE(place) << place.error().message;
  ASSERT_EQ(place->has_value(), version >= 5);
  if (*place) {
    EXPECT_EQ(**place,
              (model::RulePlace{.app_id = "hello", .listener = "arn:listener", .priority = 1}));
  }
  const auto named = store.set_routing("waiting", {.aliases = {"hello-of-before"}}, {});
  EXPECT_EQ(named.has_value(), version < 4);
  EXPECT_EQ(store.app(hello.short_id)->id, "hello");
  EXPECT_EQ((*apps)[2].id, "waiting");
  for (const char digit : {'a', 'b'}) {
    const auto package = store.package("hello", std::string(64, digit));
    ASSERT_TRUE(package) << package.error().message;
    EXPECT_EQ(package->version, story_package(digit).version);
    EXPECT_EQ(package->manifest_json, R"({"name":"hello"})");
    EXPECT_EQ(package->size_bytes, 1'234);
    EXPECT_EQ(package->source, version < 3 ? "" : "https://example.com/hello.apkg");
  }
  const auto revisions = store.revisions({.app_id = "hello"});
  ASSERT_TRUE(revisions) << revisions.error().message;
  ASSERT_EQ(revisions->size(), 2u);
  EXPECT_EQ((*revisions)[0].number, 2);
  EXPECT_EQ((*revisions)[0].package_sha256, std::string(64, 'b'));
  EXPECT_EQ((*revisions)[1].environment.at("KEY"), "väl\n'1'");
  EXPECT_EQ((*revisions)[1].resources.memory_mb, 128);
  EXPECT_EQ((*revisions)[1].resources.disk_mb, version < 2 ? 0 : 77);
  EXPECT_EQ((*revisions)[1].retired_at == 0, version < 3);
}

inline void expect_deployments_of_the_story(Store& store, int version) {
  const auto all = store.deployments({});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->size(), 4u);
  const auto first = store.deployment("01STORY0000000000000000001");
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->state, model::DeploymentState::Completed);
  EXPECT_EQ(first->revision, 1);
  EXPECT_EQ(first->version, "1.0.0");
  EXPECT_EQ(first->release_notes, "it's \"new\"");
  EXPECT_EQ(first->environment.at("KEY"), "väl\n'1'");
  EXPECT_EQ(first->limits.cpu_milli.value_or(0), version < 2 ? 0 : 500);
  EXPECT_EQ(first->strategy.kind,
            version < 3 ? model::StrategyKind::Rolling : model::StrategyKind::BlueGreen);
  EXPECT_EQ(first->tag, version < 3 ? "" : "green");
  EXPECT_TRUE(first->moves_traffic);
  EXPECT_EQ(first->steps.size(), 5u);
  EXPECT_EQ(first->completed_at - first->created_at, 2'000);
  const auto failed = store.deployment("01STORY0000000000000000003");
  ASSERT_TRUE(failed && failed->failure);
  EXPECT_EQ(failed->failure->cause, model::Cause::MissingModule);
  const auto open = store.deployments({.only_open = true});
  ASSERT_TRUE(open);
  ASSERT_EQ(open->size(), 1u);
  EXPECT_EQ(open->front().app_id, "waiting");
  NewDeployment again;
  again.app_id = "waiting";
  again.idempotency_key = "key-1";
  again.request_digest = "digest-1";
  const auto repeated = store.accept_deployment(again);
  ASSERT_TRUE(repeated) << repeated.error().message;
  EXPECT_TRUE(repeated->is_repeat);
  EXPECT_EQ(repeated->deployment.id, "01STORY0000000000000000004");
  const auto reply = store.reserve_reply("POST /x key", "digest");
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->has_value(), version >= 3);
  if (!reply->has_value()) return;
  EXPECT_EQ((*reply)->status, 201);
  EXPECT_EQ((*reply)->location, "/x/1");
}

inline void expect_observed_state_of_the_story(Store& store, int version) {
  const auto instance = store.instance("instance-1");
  ASSERT_TRUE(instance) << instance.error().message;
  EXPECT_EQ(instance->phase, model::InstancePhase::Ready);
  EXPECT_EQ(instance->pid, 4'321);
  ASSERT_TRUE(instance->boot_report);
  EXPECT_EQ(instance->boot_report->package_sha256, std::string(64, 'b'));
  const auto route = store.route("hello");
  ASSERT_TRUE(route) << route.error().message;
  EXPECT_EQ(route->generation, 1);
  ASSERT_EQ(route->route.legs.size(), 1u);
  EXPECT_EQ(route->route.legs[0].tag, "blue");
  EXPECT_EQ(route->route.legs[0].addresses.size(), 1u);
  EXPECT_EQ(route->route.sticky.name, version < 3 ? "" : "c");
  EXPECT_EQ(route->route.routing, version < 4 ? model::Routing() : story_routing());
  EXPECT_EQ(store.routes()->generation, 1);
  const auto steps = store.open_steps();
  ASSERT_TRUE(steps) << steps.error().message;
  ASSERT_EQ(steps->size(), 1u);
  EXPECT_EQ(steps->front().key, "open-step");
  // Another holder, long after: a higher token than all rows have.
  const auto lease = store.acquire_lease("reconciler", "control-2", Millis(10'000), true);
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->token, 2);
}

/// Reads every row of the story as `version` wrote it, at most 24 hours later (the idempotency
/// key).
inline void expect_populated(Store& store, int version) {
  expect_apps_of_the_story(store, version);
  expect_deployments_of_the_story(store, version);
  expect_observed_state_of_the_story(store, version);
  const auto verified = store.verify_events();
  EXPECT_TRUE(verified) << verified.error().message;
}

}  // namespace pixell::store
