#include "cmd/pac/commands/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/process.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/package_mirror.hpp"
#include "cmd/terminal/table.hpp"
#include "engine/ecs/plan.hpp"

namespace pixell::cmd {

using nlohmann::json;
namespace ecs = engine::ecs;

namespace {

// What a deployment that was not made yet has as its id.
constexpr const char* kNotYet = "(of the deployment)";
// The API tells no values, and none is sent.
constexpr const char* kUnknownValue = "?";

model::AgentApp app_of(const json& body) {
  model::AgentApp app;
  app.id = body.at("id").get<std::string>();
  app.org = body.at("org").get<std::string>();
  return app;
}

// The revision that is asked for, or the newest where a package shall follow it.
Outcome<json> find_revision(const Session& session, const PlanOptions& options, const json& app) {
  const auto all =
      session.api.list(app_path(options.app, "/revisions?limit=" + std::to_string(kPageItems)),
                       "revisions", kMaxListed);
  if (!all) return std::unexpected(all.error());
  const bool is_next = !options.package_url.empty();
  const std::int64_t wanted =
      options.revision != 0 ? options.revision : app.at("desired_revision").get<std::int64_t>();
  for (const json& each : *all)
    if (is_next || each.at("number") == wanted) return each;
  return failure(ExitCode::NotFound,
                 wanted == 0 ? fmt::format("app {} has no revision yet", options.app)
                             : fmt::format("app {} has no revision {}", options.app, wanted));
}

Outcome<std::string> find_deployment(const Session& session, const std::string& app,
                                     std::int64_t revision) {
  const auto all = session.api.list(
      app_path(app, "/deployments?limit=" + std::to_string(kPageItems)), "deployments", kMaxListed);
  if (!all) return std::unexpected(all.error());
  for (const json& each : *all)
    if (each.value("revision", std::int64_t{0}) == revision) return text_at(each, "id");
  return std::string();
}

Outcome<std::string> find_package(const Session& session, const json& app,
                                  const std::string& sha256) {
  const auto bucket = told(packages_bucket(own_environment()));
  if (!bucket) return std::unexpected(bucket.error());
  const std::string id = app.at("id").get<std::string>();
  const auto all = session.api.list(app_path(id, "/packages?limit=" + std::to_string(kPageItems)),
                                    "packages", kMaxListed);
  if (!all) return std::unexpected(all.error());
  for (const json& each : *all) {
    if (text_at(each, "sha256") != sha256) continue;
    model::Package package;
    package.sha256 = sha256;
    package.version = text_at(each, "version");
    package.source = text_at(each, "source");
    const std::string url = url_for_tasks(*bucket, app_of(app), package);
    if (!url.empty()) return url;
  }
  return failure(ExitCode::Failed,
                 fmt::format("tasks cannot fetch the package {} of app {}: set "
                             "AGENT_PACKAGES_BUCKET as for `pac serve`, or give --package",
                             sha256.substr(0, 12), id));
}

engine::InstanceSpec spec_of(const json& app, const json& revision) {
  engine::InstanceSpec spec;
  spec.app_id = app.at("id").get<std::string>();
  spec.revision = revision.at("number").get<std::int64_t>();
  spec.package_sha256 = text_at(revision, "package_sha256");
  spec.base_path = "/agents/" + spec.app_id;
  for (const json& name : revision.at("environment_names"))
    spec.environment[name.get<std::string>()] = kUnknownValue;
  spec.resources.memory_mb = revision.at("memory_mb").get<std::int64_t>();
  spec.resources.cpu_units = revision.at("cpu_units").get<std::int64_t>();
  spec.resources.cpu_milli = std::int64_t(revision.at("cpus").get<double>() * 1000 + 0.5);
  spec.resources.max_pids = revision.at("processes").get<std::int64_t>();
  spec.resources.disk_mb = revision.at("disk_mb").get<std::int64_t>();
  return spec;
}

// The place that control gave the app, or the one that is typed for an app that has none.
Outcome<void> place_rules(const PlanOptions& options, const json& shown, ecs::Aim& aim) {
  const json place = shown.value("balancer", json::object());
  const json priorities = place.value("rule_priorities", json::array());
  aim.rule_priority = options.rule_priority;
  if (priorities.empty()) return {};
  const int given = priorities.front().get<int>();
  if (options.rule_priority != 0 && options.rule_priority != given)
    return failure(ExitCode::WrongUsage,
                   fmt::format("--rule-priority {}: the rules of app {} are at {}; leave it out",
                               options.rule_priority, options.app, given));
  aim.rule_priority = given;
  aim.listener = text_at(place, "listener");
  return {};
}

// Of an app that AWS scales those count that are there now.
int tasks_of(const json& shown, std::int64_t revision) {
  const json& settings = shown.at("app").at("settings");
  const auto scaling = settings.find("scaling");
  if (scaling == settings.end()) return settings.at("instances").get<int>();
  int running = 0;
  for (const json& each : shown.at("instances")) {
    const std::string phase = text_at(each, "phase");
    running += each.at("revision") == revision && (phase == "starting" || phase == "ready");
  }
  return std::max(running, scaling->at("min_instances").get<int>());
}

Outcome<ecs::Aim> aim_of(const Session& session, const PlanOptions& options, const json& shown) {
  const json& app = shown.at("app");
  const auto revision = find_revision(session, options, app);
  if (!revision) return std::unexpected(revision.error());
  ecs::Aim aim{.spec = spec_of(app, *revision)};
  if (const auto placed = place_rules(options, shown, aim); !placed)
    return std::unexpected(placed.error());
  aim.tasks = options.tasks >= 0 ? options.tasks : tasks_of(shown, aim.spec.revision);
  if (!options.package_url.empty()) {
    aim.spec.package_url = options.package_url;
    aim.spec.package_sha256 = options.package_sha256;
    aim.spec.deployment_id = kNotYet;
    ++aim.spec.revision;
    return aim;
  }
  auto url = find_package(session, app, aim.spec.package_sha256);
  if (!url) return std::unexpected(url.error());
  aim.spec.package_url = std::move(*url);
  auto deployment = find_deployment(session, options.app, aim.spec.revision);
  if (!deployment) return std::unexpected(deployment.error());
  aim.spec.deployment_id = std::move(*deployment);
  return aim;
}

Outcome<std::optional<model::Scaling>> scaling_of(const json& shown) {
  const json& settings = shown.at("app").at("settings");
  const auto scaling = settings.find("scaling");
  if (scaling == settings.end()) return std::nullopt;
  return told(model::scaling_from_json(*scaling));
}

Outcome<ecs::PlanParts> parts_of(const EcsPlace& place) {
  auto account = find_ecs_account(place);
  if (!account) return std::unexpected(account.error());
  const ecs::NamePrefixes prefixes = account->settings.prefixes;
  return ecs::PlanParts{.outside = aws::real_outside(),
                        .environment = std::move(account->environment),
                        .settings = std::move(account->settings),
                        .names = ecs::Names(account->installation, prefixes)};
}

std::string sign_of(const std::string& kind) {
  if (kind == "create") return "+";
  return kind == "delete" ? "-" : "~";
}

std::string quoted(const std::string& value) { return value.empty() ? "nothing" : plain(value); }

std::string amount(const ecs::Quota& quota, std::int64_t of) {
  return fmt::format("{}", double(of) / double(quota.unit));
}

void show_plan(const Session& session, const ecs::Plan& plan) {
  Table table({{"QUOTA"}, {"USED", true}, {"ADDED", true}, {"MOST", true}});
  std::string notes;
  for (const ecs::Quota& each : plan.quotas) {
    table.add({each.name, amount(each, each.used), amount(each, each.added),
               Cell(amount(each, each.most), each.is_enough() ? Colour::Plain : Colour::Red)});
    if (!each.note.empty()) notes += plain(each.note) + "\n";
  }
  if (!table.empty()) show(table.text(session.screen) + notes + "\n");
  for (const ecs::PlannedChange& each : plan.changes) {
    show(fmt::format("{} {} {} {}\n", sign_of(each.kind), padded(each.kind, 7), each.action,
                     plain(each.resource)));
    for (const ecs::Difference& one : each.differences)
      show(fmt::format("    {}: {} -> {}\n", plain(one.field), quoted(one.is), quoted(one.wanted)));
  }
  show(plan.changes.empty()
           ? "Nothing would change.\n"
           : fmt::format("{} change(s); nothing was done.\n", plan.changes.size()));
}

Outcome<void> verdict(const ecs::Plan& plan, const PlanOptions& options) {
  CommandFailure full;
  for (const ecs::Quota& each : plan.quotas)
    if (!each.is_enough())
      full.lines.push_back(fmt::format("no room: {}: {} and {} more, there may be {}", each.name,
                                       amount(each, each.used), amount(each, each.added),
                                       amount(each, each.most)));
  if (!full.lines.empty()) return std::unexpected(std::move(full));
  if (options.has_detailed_exit_code && !plan.changes.empty())
    return std::unexpected(CommandFailure{.code = ExitCode::WouldChange});
  return {};
}

}  // namespace

Outcome<void> plan(const Session& session, const PlanOptions& options) {
  const auto shown = get_app(session, options.app);
  if (!shown) return std::unexpected(shown.error());
  auto aim = aim_of(session, options, *shown);
  if (!aim) return std::unexpected(aim.error());
  const auto parts = parts_of(options.place);
  if (!parts) return std::unexpected(parts.error());
  if (parts->settings.routing == ecs::Routing::Alb && aim->rule_priority == 0)
    return failure(ExitCode::WrongUsage,
                   fmt::format("app {} has no place in a load balancer yet: say with "
                               "--rule-priority which one to plan with (any that is free in the "
                               "first of PAC_ECS_LISTENERS)",
                               options.app));
  auto slot = Outcome<ecs::Slot>(options.slot == "b" ? ecs::Slot::B : ecs::Slot::A);
  if (options.slot.empty()) slot = told(ecs::slot_of(*parts, aim->spec.app_id, aim->spec.revision));
  if (!slot) return std::unexpected(slot.error());
  aim->slot = *slot;
  const auto scaling = scaling_of(*shown);
  if (!scaling) return std::unexpected(scaling.error());
  const auto planned = told(ecs::plan_service(*parts, *aim, *scaling));
  if (!planned) return std::unexpected(planned.error());
  if (session.wants_json)
    show_json(ecs::to_json(*planned));
  else
    show_plan(session, *planned);
  return verdict(*planned, options);
}

}  // namespace pixell::cmd
