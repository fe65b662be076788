#include "base/process.hpp"
#include "engine/ecs/ecs_engine.hpp"
#include "operations.hpp"

namespace pixell::probe {

using nlohmann::json;

namespace {

// A model of AWS answers at once: every list looks.
constexpr engine::EcsCadence kQuick{.motion = Millis(1),
                                    .idle = Millis(1),
                                    .spare_kept = Millis(1),
                                    .stop_patience = Millis(1),
                                    .log_lag = Millis(1),
                                    .forget = Millis(1)};

json refusal(const Error& error) {
  return {{"error", error.message},
          {"code", to_string(error.code)},
          {"later", error.retry == Retry::Later}};
}

json shown(const model::Instance& instance) {
  return {{"id", instance.id}, {"phase", to_string(instance.phase)}};
}

Result<std::unique_ptr<engine::Engine>> open_engine(const json& asked) {
  TRY(engine::ecs::Settings settings, engine::ecs::read_settings(asked.at("settings")));
  return engine::make_ecs_engine({.settings = std::move(settings),
                                  .state_dir = asked.at("state_dir").get<std::string>(),
                                  .log = Log(-1),
                                  .outside = probe_outside(),
                                  .environment = own_environment(),
                                  .cadence = kQuick});
}

}  // namespace

json EngineSession::use(const json& asked) {
  const std::string op = asked.at("op");
  if (op == "engine.open") {
    engine_.reset();
    auto made = open_engine(asked);
    if (!made) return refusal(made.error());
    engine_ = std::move(*made);
    return json::object();
  }
  if (!engine_) return {{"error", "no engine is open"}};
  if (op == "engine.ensure") {
    const auto spec = engine::instance_spec_from_json(asked.at("spec"));
    if (!spec) return refusal(spec.error());
    const auto seen = engine_->ensure(*spec);
    return seen ? json{{"instance", shown(*seen)}} : refusal(seen.error());
  }
  if (op == "engine.list") {
    const auto all = engine_->list();
    if (!all) return refusal(all.error());
    json listed = json::array();
    for (const model::Instance& each : *all) listed.push_back(shown(each));
    return {{"instances", listed}};
  }
  const std::string id = asked.at("id");
  const auto done = op == "engine.stop" ? engine_->stop(id, Millis(asked.value("grace_ms", 1000)))
                                        : engine_->remove(id);
  return done ? json::object() : refusal(done.error());
}

}  // namespace pixell::probe
