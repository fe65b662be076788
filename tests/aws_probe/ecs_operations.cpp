#include "engine/ecs/settings.hpp"
#include "engine/ecs/task_definition.hpp"
#include "operations.hpp"

namespace pixell::probe {

using nlohmann::json;

namespace {

namespace ecs = engine::ecs;

json refusal(const Error& error) {
  return {{"error", error.message}, {"code", to_string(error.code)}};
}

Result<json> make_definition(const json& asked) {
  TRY(const ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  TRY(const engine::InstanceSpec spec, engine::instance_spec_from_json(asked.at("spec")));
  const ecs::Names names(asked.at("installation"), settings.prefixes);
  const ecs::SecretPlace secret{.arn = asked.at("secret").at("arn"),
                                .version = asked.at("secret").at("version")};
  return ecs::task_definition(spec, settings, names, secret);
}

}  // namespace

json use_ecs(const json& asked) {
  if (asked.at("op") != "ecs.task_definition") return {{"error", "there is no such op"}};
  const auto made = make_definition(asked);
  return made ? json{{"request", *made}} : refusal(made.error());
}

}  // namespace pixell::probe
