#include "aws/services.hpp"
#include "base/process.hpp"
#include "engine/ecs/discovery_sync.hpp"
#include "engine/ecs/plan.hpp"
#include "engine/ecs/service_sync.hpp"
#include "engine/ecs/settings.hpp"
#include "engine/ecs/task_definition.hpp"
#include "engine/ecs/testing/memory_journal.hpp"
#include "operations.hpp"

namespace pixell::probe {

using nlohmann::json;

namespace {

namespace ecs = engine::ecs;

json refusal(const Error& error) {
  return {{"error", error.message},
          {"code", to_string(error.code)},
          {"later", error.retry == Retry::Later}};
}

Result<json> make_definition(const json& asked) {
  TRY(const ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  TRY(const engine::InstanceSpec spec, engine::instance_spec_from_json(asked.at("spec")));
  const ecs::Names names(asked.at("installation"), settings.prefixes);
  const ecs::SecretPlace secret{.arn = asked.at("secret").at("arn"),
                                .version = asked.at("secret").at("version")};
  return ecs::task_definition(spec, settings, names, secret);
}

Result<json> make_service(const json& asked, ecs::MemoryJournal& journal) {
  TRY(const ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  TRY(engine::InstanceSpec spec, engine::instance_spec_from_json(asked.at("spec")));
  aws::Services services(aws::real_outside(), own_environment());
  const ecs::Names names(asked.at("installation"), settings.prefixes);
  ecs::ServiceSync sync(services, journal, settings, names);
  TRY(const ecs::ServicePlace place,
      sync.ensure({.spec = std::move(spec),
                   .slot = asked.value("slot", "a") == "b" ? ecs::Slot::B : ecs::Slot::A,
                   .tasks = asked.value("tasks", 1),
                   .rule_priority = asked.value("rule_priority", 0)}));
  return json{{"service", place.service},
              {"task_definition", place.task_definition},
              {"secret", place.secret},
              {"is_switching", place.is_switching}};
}

Result<json> plan_service(const json& asked) {
  TRY(ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  TRY(engine::InstanceSpec spec, engine::instance_spec_from_json(asked.at("spec")));
  const ecs::Names names(asked.at("installation"), settings.prefixes);
  TRY(const ecs::Plan plan,
      ecs::plan_service({.outside = aws::real_outside(),
                         .environment = own_environment(),
                         .settings = std::move(settings),
                         .names = names},
                        {.spec = std::move(spec),
                         .slot = asked.value("slot", "a") == "b" ? ecs::Slot::B : ecs::Slot::A,
                         .tasks = asked.value("tasks", 1),
                         .rule_priority = asked.value("rule_priority", 0)}));
  return ecs::to_json(plan);
}

Result<json> mirror_tasks(const json& asked) {
  TRY(const ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  TRY(engine::InstanceSpec spec, engine::instance_spec_from_json(asked.at("spec")));
  aws::Services services(aws::real_outside(), own_environment());
  ecs::MemoryJournal journal;
  const ecs::Names names(asked.at("installation"), settings.prefixes);
  ecs::DiscoverySync sync(services, journal, settings, names);
  TRY(const ecs::DiscoveryChange change, sync.mirror({.spec = std::move(spec)}));
  return json{{"service", change.service},
              {"registered", change.registered},
              {"deregistered", change.deregistered}};
}

json ensure_service(const json& asked) {
  ecs::MemoryJournal journal;
  // What an earlier process left open.
  for (const json& step : asked.value("open", json::array()))
    if (const auto begun =
            journal.begin({.app_id = step.at(0), .action = step.at(1), .resource = step.at(2)});
        !begun)
      return refusal(begun.error());
  journal.begun.clear();
  const auto made = make_service(asked, journal);
  json reply = made ? json{{"place", *made}} : refusal(made.error());
  reply["begun"] = journal.begun;
  reply["results"] = journal.results;
  reply["open"] = json::array();
  if (const auto open = journal.open(asked.at("spec").at("app_id")))
    for (const ecs::Step& step : *open)
      reply["open"].push_back({step.app_id, step.action, step.resource});
  return reply;
}

}  // namespace

json use_ecs(const json& asked) {
  if (asked.at("op") == "ecs.ensure") return ensure_service(asked);
  if (asked.at("op") == "ecs.plan") {
    const auto planned = plan_service(asked);
    return planned ? *planned : refusal(planned.error());
  }
  if (asked.at("op") == "ecs.mirror") {
    const auto done = mirror_tasks(asked);
    return done ? *done : refusal(done.error());
  }
  const auto made = make_definition(asked);
  return made ? json{{"request", *made}} : refusal(made.error());
}

}  // namespace pixell::probe
