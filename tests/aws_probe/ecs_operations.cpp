#include <algorithm>

#include "aws/services.hpp"
#include "base/process.hpp"
#include "engine/ecs/alb_traffic.hpp"
#include "engine/ecs/discovery_sync.hpp"
#include "engine/ecs/orphans.hpp"
#include "engine/ecs/plan.hpp"
#include "engine/ecs/removal.hpp"
#include "engine/ecs/rule_placer.hpp"
#include "engine/ecs/service_sync.hpp"
#include "engine/ecs/settings.hpp"
#include "engine/ecs/task_definition.hpp"
#include "engine/ecs/testing/memory_journal.hpp"
#include "engine/ecs/usage_reader.hpp"
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
  aws::Services services(probe_outside(), own_environment());
  const ecs::Names names(asked.at("installation"), settings.prefixes);
  ecs::ServiceSync sync(services, journal, settings, names);
  TRY(const ecs::ServicePlace place,
      sync.ensure({.spec = std::move(spec),
                   .slot = asked.value("slot", "a") == "b" ? ecs::Slot::B : ecs::Slot::A,
                   .tasks = asked.value("tasks", 1),
                   .rule_priority = asked.value("rule_priority", 0),
                   .listener = asked.value("listener", "")}));
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
  aws::Services services(probe_outside(), own_environment());
  ecs::MemoryJournal journal;
  const ecs::Names names(asked.at("installation"), settings.prefixes);
  ecs::DiscoverySync sync(services, journal, settings, names);
  TRY(const ecs::DiscoveryChange change, sync.mirror({.spec = std::move(spec)}));
  return json{{"service", change.service},
              {"registered", change.registered},
              {"deregistered", change.deregistered}};
}

Result<json> remove_app(const json& asked, ecs::MemoryJournal& journal) {
  TRY(const ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  aws::Services services(probe_outside(), own_environment());
  ecs::AppRemoval removal({.aws = services, .journal = journal, .clock = system_clock()}, settings,
                          ecs::Names(asked.at("installation"), settings.prefixes));
  TRY(const ecs::Removed removed, removal.remove(asked.at("app").get<std::string>()));
  return json{{"is_done", removed.is_done}, {"waits_for", removed.waits_for}};
}

// `live` has the apps that are there, each with the priority of its rules in the first listener.
Result<json> collect_orphans(const json& asked, ecs::MemoryJournal& journal) {
  TRY(const ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  aws::Services services(probe_outside(), own_environment());
  const json live = asked.at("live");
  ecs::Orphans orphans(
      {.aws = services, .journal = journal, .clock = system_clock()}, settings,
      ecs::Names(asked.at("installation"), settings.prefixes),
      {.is_live = [&](const std::string& app) -> Result<bool> { return live.contains(app); },
       .place = [&](const std::string& app) -> Result<std::optional<model::RulePlace>> {
         return model::RulePlace{
             .app_id = app, .listener = settings.listeners.front(), .priority = live.at(app)};
       }});
  if (asked.value("is_dry", false)) {
    TRY(const std::vector<ecs::Orphan> found, orphans.list());
    json listed = json::array();
    for (const ecs::Orphan& each : found)
      listed.push_back({{"kind", each.kind}, {"resource", each.resource}, {"app", each.app_id}});
    return listed;
  }
  TRY(const ecs::Collected collected, orphans.collect());
  return json{
      {"removed", collected.removed}, {"waiting", collected.waiting}, {"failed", collected.failed}};
}

/// Places of apps as a test gives them, and what was given out.
class GivenPlaces final : public ecs::RuleBook {
 public:
  explicit GivenPlaces(const json& places) {
    for (const json& each : places)
      places_.push_back({.app_id = each.at("app"),
                         .listener = each.at("listener"),
                         .priority = each.at("priority")});
  }
  Result<std::optional<model::RulePlace>> find(const std::string& app_id) override {
    for (const model::RulePlace& each : places_)
      if (each.app_id == app_id) return std::optional(each);
    return std::optional<model::RulePlace>();
  }
  Result<model::RulePlace> place(const std::string& app_id,
                                 const model::RuleListener& listener) override {
    int priority = 1;
    std::size_t there = 0;
    for (const model::RulePlace& each : places_)
      if (each.listener == listener.arn) {
        ++there;
        priority = std::max(priority, each.priority + 2);
      }
    if (there >= listener.max_apps) return make_error(ErrorCode::ResourceExhausted, "full");
    places_.push_back({.app_id = app_id, .listener = listener.arn, .priority = priority});
    return places_.back();
  }
  Result<std::vector<model::RulePlace>> all() override { return places_; }

 private:
  std::vector<model::RulePlace> places_;
};

Result<json> place_app(const json& asked, ecs::MemoryJournal&) {
  TRY(const ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  aws::Services services(probe_outside(), own_environment());
  GivenPlaces places(asked.at("places"));
  TRY(const model::RulePlace place,
      ecs::RulePlacer(services, places, settings).place(asked.at("app")));
  return json{{"app", place.app_id}, {"listener", place.listener}, {"priority", place.priority}};
}

// One route of an app, followed once.
Result<json> follow_route(const json& asked, ecs::MemoryJournal& journal) {
  TRY(const ecs::Settings settings, ecs::read_settings(asked.at("settings")));
  aws::Services services(probe_outside(), own_environment());
  GivenPlaces places(asked.at("places"));
  ecs::AlbTraffic traffic(
      {.aws = services, .journal = journal, .book = places, .clock = system_clock()}, settings,
      ecs::Names(asked.at("installation"), settings.prefixes));
  TRY(const model::RouteSnapshot snapshot, model::route_snapshot_from_json(asked.at("routes")));
  TRY(const std::vector<engine::HeldTraffic> held, traffic.follow(snapshot, {}));
  json answer = json::object();
  for (const engine::HeldTraffic& each : held) answer[each.app_id] = each.why;
  return json{{"held", answer}};
}

// Runs an operation with a journal that has what an earlier process left open, and tells what was
// recorded.
json journaled(const json& asked, Result<json> (*operation)(const json&, ecs::MemoryJournal&)) {
  ecs::MemoryJournal journal;
  for (const json& step : asked.value("open", json::array()))
    if (const auto begun =
            journal.begin({.app_id = step.at(0), .action = step.at(1), .resource = step.at(2)});
        !begun)
      return refusal(begun.error());
  journal.begun.clear();
  const auto made = operation(asked, journal);
  json reply = made ? json{{"place", *made}} : refusal(made.error());
  reply["begun"] = journal.begun;
  reply["results"] = journal.results;
  reply["open"] = json::array();
  const std::string app = asked.contains("app") ? asked.at("app") : asked.at("spec").at("app_id");
  if (const auto open = journal.open(app))
    for (const ecs::Step& step : *open)
      reply["open"].push_back({step.app_id, step.action, step.resource});
  return reply;
}

}  // namespace

json use_ecs(const json& asked) {
  if (asked.at("op") == "ecs.ensure") return journaled(asked, make_service);
  if (asked.at("op") == "ecs.remove") return journaled(asked, remove_app);
  if (asked.at("op") == "ecs.collect") return journaled(asked, collect_orphans);
  if (asked.at("op") == "ecs.place") return journaled(asked, place_app);
  if (asked.at("op") == "ecs.follow") return journaled(asked, follow_route);
  if (asked.at("op") == "ecs.plan") {
    const auto planned = plan_service(asked);
    return planned ? *planned : refusal(planned.error());
  }
  if (asked.at("op") == "ecs.mirror") {
    const auto done = mirror_tasks(asked);
    return done ? *done : refusal(done.error());
  }
  if (asked.at("op") == "ecs.usage") {
    const auto told = ecs::UsageReader(probe_outside().fetch).read(asked.at("address"));
    return told ? model::to_json(*told) : refusal(told.error());
  }
  const auto made = make_definition(asked);
  return made ? json{{"request", *made}} : refusal(made.error());
}

}  // namespace pixell::probe
