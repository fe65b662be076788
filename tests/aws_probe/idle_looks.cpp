#include <fmt/format.h>

#include <map>

#include "engine/ecs/ecs_engine.hpp"
#include "engine/ecs/testing/fake_ecs.hpp"
#include "engine/ecs/testing/good_settings.hpp"
#include "operations.hpp"

namespace pixell::probe {

using nlohmann::json;

namespace {

// Idle: this is its time, which only the fake's clock and our looks move.
constexpr engine::EcsCadence kCadence{};

Result<std::size_t> count_ready(engine::Engine& engine) {
  TRY(const std::vector<model::Instance> seen, engine.list());
  std::size_t ready = 0;
  for (const model::Instance& each : seen) ready += each.phase == model::InstancePhase::Ready;
  return ready;
}

Result<json> look(const json& asked) {
  const int agents = asked.at("agents").get<int>();
  engine::ecs::FakeEcs cloud;
  TRY(auto settings, engine::ecs::read_settings(engine::ecs::good_environment()));
  TRY(const auto engine,
      engine::make_ecs_engine({.settings = std::move(settings),
                               .state_dir = asked.at("state_dir").get<std::string>(),
                               .clock = cloud.clock,
                               .log = Log(-1),
                               .outside = cloud.outside(),
                               .environment = {{"AWS_ACCESS_KEY_ID", "A"},
                                               {"AWS_SECRET_ACCESS_KEY", "s"},
                                               {"AWS_REGION", "us-east-2"}},
                               .cadence = kCadence}));
  for (int i = 0; i < agents; ++i) {
    engine::InstanceSpec spec = engine::ecs::good_spec();
    spec.id = fmt::format("01A{:05}", i);
    spec.app_id = fmt::format("app-{}", i);
    spec.environment.clear();
    TRY(const model::Instance started, engine->ensure(spec));
    (void)started;
  }
  cloud.schedule();
  cloud.settle_tasks();
  // The first looks bind tasks to instances and tag them; after that nothing is under way.
  std::size_t ready = 0;
  for (int i = 0; i < asked.at("first_looks").get<int>(); ++i) {
    cloud.clock.advance(kCadence.idle);
    TRY(ready, count_ready(*engine));
  }
  json looks = json::array();
  for (int i = 0; i < asked.at("looks").get<int>(); ++i) {
    cloud.asked.clear();
    cloud.clock.advance(kCadence.idle);
    TRY(ready, count_ready(*engine));
    std::map<std::string, int> calls;
    for (const auto& [action, request] : cloud.asked) ++calls[action];
    looks.push_back(calls);
  }
  return json{{"ready", ready}, {"looks", looks}, {"every_ms", kCadence.idle.count()}};
}

}  // namespace

json look_at_idle_services(const json& asked) {
  const auto looked = look(asked);
  return looked ? *looked : json{{"error", looked.error().message}};
}

}  // namespace pixell::probe
