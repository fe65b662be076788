#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/conditions.hpp"
#include "api/deploying.hpp"
#include "api/deployment_body.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/lookups.hpp"
#include "api/package_location.hpp"
#include "api/parameters.hpp"
#include "api/request_fields.hpp"
#include "api/resource_bodies.hpp"
#include "apkg/digest.hpp"

namespace pixell::api {

namespace {

void read_package_url(const ApiContext& context, Fields& fields, std::string_view name,
                      store::NewDeployment& wanted) {
  const std::string url = fields.text(name, true);
  if (url.empty()) return;
  auto location = check_package_location(url, context.allow_file_dirs);
  if (location)
    wanted.package_url = std::move(*location);
  else
    fields.add(name, location.error().message);
}

void read_sha256(Fields& fields, std::string_view name, store::NewDeployment& wanted) {
  wanted.expected_sha256 = fields.text(name);
  if (!wanted.expected_sha256.empty() && !apkg::is_sha256(wanted.expected_sha256))
    fields.add(name, fmt::format("{} '{}' must be 64 hex characters", fields.named(name),
                                 wanted.expected_sha256.substr(0, 80)));
}

// ------------------------------------------------------------------- POST /deployments

// Members that older runtimes accepted and that would change what the caller gets: not honouring
// them in silence would be a surprise.
void refuse_what_is_not_there(const nlohmann::json& body, Fields& fields) {
  if (fields.has("webhook"))
    fields.add("webhook", "webhook is not supported; poll tracking.status_url instead");
  const auto surfaces = body.find("surfaces");
  if (surfaces != body.end() && surfaces->is_object() &&
      surfaces->value("mode", nlohmann::json("multiplex")) != "multiplex")
    fields.add("surfaces", "surfaces.mode must be 'multiplex': all surfaces share one address");
}

// A name that the caller chooses, or nothing.
std::string read_name(Fields& fields, std::string_view name) {
  std::string text = fields.text(name);
  if (!text.empty() && !model::check_app_id(text))
    fields.add(name, fmt::format("{} '{}' must be 1 to 63 letters, digits, '_' or '-', starting "
                                 "with a letter or digit",
                                 fields.named(name), text.substr(0, 80)));
  return text;
}

store::NewDeployment read_operators_request(const ApiContext& context, Fields& fields) {
  store::NewDeployment wanted;
  wanted.app_id = fields.text("agentAppId", true);
  if (!wanted.app_id.empty())
    if (const auto checked = model::check_app_id(wanted.app_id); !checked)
      fields.add("agentAppId", checked.error().message);
  read_package_url(context, fields, "packageUrl", wanted);
  read_sha256(fields, "packageSha256", wanted);
  wanted.version = fields.text("version");
  wanted.environment = fields.environment("environment");
  wanted.limits = fields.limits("limits");
  // The older name of limits.memory_mb; 0 = not given.
  const std::int64_t memory_mb = fields.number("memoryMB", 0, 16, model::kMaxMemoryMb);
  if (memory_mb > 0 && !wanted.limits.memory_mb) wanted.limits.memory_mb = memory_mb;
  wanted.resources.cpu_units =
      fields.number("cpuUnits", wanted.resources.cpu_units, 1, kMaxCpuUnits);
  // Packages are kept by content, so every deployment reads the URL anew.
  fields.flag("forceRefresh", false);
  wanted.id = read_name(fields, "deploymentId");
  if (std::string org = read_name(fields, "orgId"); !org.empty()) wanted.org = std::move(org);
  wanted.strategy = read_strategy(fields);
  wanted.time_allowed = read_time_allowed(fields, "deadlineSeconds", wanted.strategy);
  return wanted;
}

// ------------------------------------------------------------------- POST /v1/…/deployments

void read_source(const ApiContext& context, Fields& fields, store::NewDeployment& wanted) {
  const int sources = fields.has("package_url") + fields.has("package") + fields.has("revision");
  if (sources != 1)
    fields.add("", fmt::format("exactly one of package_url, package and revision must be there, "
                               "not {}",
                               sources));
  if (fields.has("package_url")) read_package_url(context, fields, "package_url", wanted);
  wanted.revision = fields.number("revision", 0, 1, kMaxWireNumber);
  read_sha256(fields, "package_sha256", wanted);
  if (!wanted.expected_sha256.empty() && wanted.revision > 0)
    fields.add("package_sha256", "package_sha256 belongs to package_url: a revision has its own");
}

store::NewDeployment read_deploy_request(const ApiContext& context, Fields& fields) {
  store::NewDeployment wanted;
  read_source(context, fields, wanted);
  fields.text("package", fields.has("package"));
  wanted.version = fields.text("version");
  wanted.release_notes = fields.text("release_notes");
  wanted.environment = fields.environment("environment");
  wanted.limits = fields.limits("limits");
  wanted.strategy = read_strategy(fields);
  wanted.tag = read_tag(fields);
  wanted.moves_traffic = !fields.flag("no_traffic", false);
  wanted.time_allowed = read_time_allowed(fields, "deadline_seconds", wanted.strategy);
  fields.refuse_unknown();
  return wanted;
}

// A revision is what it was made of: nothing of it can be asked for anew.
void refuse_changes_of_revision(const store::NewDeployment& wanted, Fields& fields) {
  if (wanted.revision == 0) return;
  for (const char* name : {"version", "environment", "limits"})
    if (fields.has(name))
      fields.add(name, fmt::format("{} cannot be changed: revision {} has its own; deploy its "
                                   "package instead",
                                   name, wanted.revision));
}

Reply list(const ApiContext& context, Call& call, std::string app_id) {
  Parameters parameters(call);
  const std::size_t limit = parameters.limit();
  const std::string state =
      parameters.choice("state", {"queued", "processing", "completed", "failed", "rolled_back"});
  const store::DeploymentFilter filter{.app_id = std::move(app_id),
                                       .state = model::parse_deployment_state(state),
                                       .before_id = parameters.cursor(),
                                       .limit = limit + 1};
  if (auto wrong = parameters.wrong()) return std::move(*wrong);
  auto deployments = context.store.deployments(filter);
  if (!deployments) return problem(context, deployments.error());
  const std::string next = next_page(*deployments, limit, [](const auto& each) { return each.id; });
  const UnixMillis now = context.clock.unix_now();
  return page_reply(
      "deployments",
      list_body(*deployments, [&](const auto& each) { return deployment_body(each, now); }), next);
}

}  // namespace

Reply create_deployment(const ApiContext& context, Call& call) {
  // The body is JSON whatever its Content-Type says: `curl -d` claims it is a form.
  const auto body = read_object(
      call.text, R"({"agentAppId":"my-agent","packageUrl":"https://host/my-agent.apkg"})");
  if (!body) return body.error();
  Findings findings;
  Fields fields(*body, findings);
  store::NewDeployment wanted = read_operators_request(context, fields);
  refuse_what_is_not_there(*body, fields);
  if (!findings.empty()) return invalid_request(findings);
  const auto accepted = accept(context, call, std::move(wanted));
  if (!accepted) return accepted.error();
  return accepted_reply(call, *accepted);
}

Reply deploy(const ApiContext& context, Call& call) {
  const auto body = read_object(call.text, R"({"package_url":"https://host/my-agent.apkg"})");
  if (!body) return body.error();
  Findings findings;
  Fields fields(*body, findings);
  store::NewDeployment wanted = read_deploy_request(context, fields);
  refuse_changes_of_revision(wanted, fields);
  if (!findings.empty()) return invalid_request(findings);
  // Only a package that is still to come may make a new app.
  auto app_id = wanted.package_url.empty() ? id_of_app(context, call.params[0])
                                           : id_for_upload(context, call.params[0]);
  if (!app_id) return std::move(app_id).error();
  wanted.app_id = std::move(*app_id);
  const std::shared_lock files(context.waits.package_files);
  if (fields.has("package")) {
    auto package = context.store.package(wanted.app_id, fields.text("package"));
    if (!package) return problem(context, package.error());
    wanted.package = std::move(*package);
  }
  const auto accepted = accept(context, call, std::move(wanted));
  if (!accepted) return accepted.error();
  return deployment_accepted(context, accepted->deployment);
}

Reply list_deployments(const ApiContext& context, Call& call) {
  auto app_id = app_in_query(context, call);
  if (!app_id) return std::move(app_id).error();
  return list(context, call, std::move(*app_id));
}

Reply list_app_deployments(const ApiContext& context, Call& call) {
  const auto app = find_app(context, call.params[0]);
  if (!app) return app.error();
  return list(context, call, app->id);
}

Reply get_deployment(const ApiContext& context, Call& call) {
  const auto deployment = find_deployment(context, call.params[0]);
  if (!deployment) return deployment.error();
  return tagged_reply(call,
                      {{"deployment", deployment_body(*deployment, context.clock.unix_now())}},
                      etag(deployment->generation));
}

}  // namespace pixell::api
