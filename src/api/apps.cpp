#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/handlers.hpp"
#include "api/limits.hpp"

namespace pixell::api {

namespace {

nlohmann::json app_body(const model::AgentApp& app) {
  return {{"id", app.id},
          {"short_id", app.short_id},
          {"org", app.org},
          {"generation", app.generation},
          {"desired_revision", model::leading_revision(app.traffic)},
          {"url", "/agents/" + app.id + "/"},
          {"created_at", iso8601(app.created_at)}};
}

// Environment values are not shown; their names tell what was set.
nlohmann::json revision_body(const model::Revision& revision) {
  nlohmann::json names = nlohmann::json::array();
  for (const auto& [name, value] : revision.environment) names.push_back(name);
  return {{"number", revision.number},
          {"id", revision.id},
          {"version", revision.version},
          {"package_sha256", revision.package_sha256},
          {"environment_names", std::move(names)},
          {"memory_mb", revision.resources.memory_mb},
          {"cpu_units", revision.resources.cpu_units},
          {"cpus", double(revision.resources.cpu_milli) / 1000},
          {"processes", revision.resources.max_pids},
          {"disk_mb", revision.resources.disk_mb},
          {"created_at", iso8601(revision.created_at)}};
}

nlohmann::json instance_body(const model::Instance& instance) {
  nlohmann::json body = {{"id", instance.id},
                         {"revision", instance.revision},
                         {"phase", to_string(instance.phase)},
                         {"boot_phase", instance.boot_phase},
                         {"address", instance.address},
                         {"pid", instance.pid},
                         {"started_at", iso8601(instance.started_at)},
                         {"changed_at", iso8601(instance.changed_at)}};
  if (instance.boot_report) body["boot_report"] = model::to_json(*instance.boot_report);
  return body;
}

nlohmann::json route_body(const store::StoredRoute& stored) {
  nlohmann::json legs = nlohmann::json::array();
  for (const model::RouteLeg& leg : stored.route.legs)
    legs.push_back({{"revision", leg.revision},
                    {"weight_permille", leg.weight_permille},
                    {"tag", leg.tag},
                    {"targets", leg.addresses.size()}});
  return {{"generation", stored.generation}, {"legs", std::move(legs)}};
}

}  // namespace

Reply list_apps(const ApiContext& context, Call&) {
  const auto apps = context.store.apps({});
  if (!apps) return problem(context, apps.error());
  nlohmann::json list = nlohmann::json::array();
  for (const model::AgentApp& app : *apps) list.push_back(app_body(app));
  return json_reply(200, {{"apps", std::move(list)}});
}

Reply get_app(const ApiContext& context, Call& call) {
  const auto app = context.store.app(call.params[0]);
  if (!app) {
    if (app.error().code == ErrorCode::NotFound)
      return problem(404, fmt::format("there is no agent app '{}'", call.params[0]));
    return problem(context, app.error());
  }
  const auto revisions = context.store.revisions({.app_id = app->id, .limit = kShownRevisions});
  if (!revisions) return problem(context, revisions.error());
  const auto instances = context.store.instances({.app_id = app->id});
  if (!instances) return problem(context, instances.error());
  const auto route = context.store.route(app->id);
  if (!route) return problem(context, route.error());

  nlohmann::json body = {{"app", app_body(*app)},
                         {"route", route_body(*route)},
                         {"revisions", nlohmann::json::array()},
                         {"instances", nlohmann::json::array()}};
  for (const auto& revision : *revisions) body["revisions"].push_back(revision_body(revision));
  for (const auto& instance : *instances) body["instances"].push_back(instance_body(instance));
  return json_reply(200, body);
}

Reply get_instance_log(const ApiContext& context, Call& call) {
  const auto bytes = static_cast<std::size_t>(
      call.query_number("bytes", kDefaultLogBytes, 1, static_cast<std::int64_t>(kMaxLogBytes)));
  auto log = context.read_log(call.params[0], bytes);
  if (!log) {
    if (log.error().code == ErrorCode::NotFound)
      return problem(404, fmt::format("there is no instance '{}'", call.params[0]));
    return problem(context, log.error());
  }
  return {.status = 200, .body = std::move(*log), .content_type = "application/x-ndjson"};
}

}  // namespace pixell::api
