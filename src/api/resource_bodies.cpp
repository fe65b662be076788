#include "api/resource_bodies.hpp"

#include <nlohmann/json.hpp>

namespace pixell::api {

namespace {

nlohmann::json settings_body(const model::AppSettings& settings) {
  nlohmann::json body = {{"instances", settings.instances},
                         {"warm_revisions", settings.warm_revisions},
                         {"warm_seconds", settings.warm_seconds}};
  if (settings.scaling) body["scaling"] = model::to_json(*settings.scaling);
  return body;
}

}  // namespace

nlohmann::json app_body(const model::AgentApp& app) {
  return {{"id", app.id},
          {"short_id", app.short_id},
          {"org", app.org},
          {"generation", app.generation},
          {"desired_revision", model::leading_revision(app.traffic)},
          {"traffic", model::to_json(app.traffic)},
          {"settings", settings_body(app.settings)},
          {"state", app.is_deleting ? "deleting" : "active"},
          {"url", "/agents/" + app.id + "/"},
          {"created_at", iso8601(app.created_at)}};
}

nlohmann::json revision_body(const model::Revision& revision, const model::Traffic& traffic) {
  nlohmann::json names = nlohmann::json::array();
  for (const auto& [name, value] : revision.environment) names.push_back(name);
  nlohmann::json tags = nlohmann::json::array();
  for (const model::TrafficLeg& leg : traffic.legs)
    if (leg.revision == revision.number && !leg.tag.empty()) tags.push_back(leg.tag);
  nlohmann::json body = {{"number", revision.number},
                         {"id", revision.id},
                         {"version", revision.version},
                         {"package_sha256", revision.package_sha256},
                         {"environment_names", std::move(names)},
                         {"memory_mb", revision.resources.memory_mb},
                         {"cpu_units", revision.resources.cpu_units},
                         {"cpus", double(revision.resources.cpu_milli) / 1000},
                         {"processes", revision.resources.max_pids},
                         {"disk_mb", revision.resources.disk_mb},
                         {"weight_permille", model::weight_of(traffic, revision.number)},
                         {"tags", std::move(tags)},
                         {"created_at", iso8601(revision.created_at)}};
  if (revision.retired_at > 0) body["retired_at"] = iso8601(revision.retired_at);
  return body;
}

nlohmann::json instance_body(const model::Instance& instance) {
  nlohmann::json body = {{"id", instance.id},
                         {"app", instance.app_id},
                         {"revision", instance.revision},
                         {"phase", to_string(instance.phase)},
                         {"boot_phase", instance.boot_phase},
                         {"address", instance.address},
                         {"pid", instance.pid},
                         {"restarts", instance.restarts},
                         {"started_at", iso8601(instance.started_at)},
                         {"changed_at", iso8601(instance.changed_at)}};
  if (instance.exit_code >= 0) body["exit_code"] = instance.exit_code;
  if (instance.exit_signal > 0) body["exit_signal"] = instance.exit_signal;
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

nlohmann::json balancer_body(const model::BalancerView& view) {
  nlohmann::json body = nlohmann::json::object();
  const auto tell = [&body](const char* name, const std::string& value) {
    if (!value.empty()) body[name] = value;
  };
  tell("load_balancer", view.load_balancer);
  tell("listener", view.listener);
  tell("dns_name", view.dns_name);
  tell("url", view.url);
  tell("waits_for", view.waits_for);
  if (!view.priorities.empty()) body["rule_priorities"] = view.priorities;
  return body;
}

nlohmann::json package_body(const model::Package& package) {
  nlohmann::json body = {{"id", package.id},
                         {"sha256", package.sha256},
                         {"name", package.name},
                         {"version", package.version},
                         {"size_bytes", package.size_bytes},
                         {"created_at", iso8601(package.created_at)}};
  if (!package.source.empty()) body["source"] = package.source;
  return body;
}

nlohmann::json event_body(const store::Event& event) {
  auto detail = nlohmann::json::parse(event.detail, nullptr, false);
  if (!detail.is_object()) detail = nlohmann::json::object();
  nlohmann::json body = {{"sequence", event.sequence},
                         {"at", iso8601(event.at)},
                         {"kind", event.kind},
                         {"detail", std::move(detail)}};
  if (!event.app_id.empty()) body["app"] = event.app_id;
  return body;
}

}  // namespace pixell::api
