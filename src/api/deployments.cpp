#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/deployment_body.hpp"
#include "api/fields.hpp"
#include "api/handlers.hpp"
#include "api/limits.hpp"
#include "api/package_location.hpp"
#include "apkg/digest.hpp"

namespace pixell::api {

namespace {

// Members that older runtimes accepted and that would change what the caller gets: not honouring
// them in silence would be a surprise.
void refuse_what_is_not_there(const nlohmann::json& body, Fields& fields) {
  if (body.contains("webhook") && !body["webhook"].is_null())
    fields.add("webhook is not supported; poll tracking.status_url instead");
  const auto surfaces = body.find("surfaces");
  if (surfaces != body.end() && surfaces->is_object() &&
      surfaces->value("mode", nlohmann::json("multiplex")) != "multiplex")
    fields.add("surfaces.mode must be 'multiplex': all surfaces share one address");
}

store::NewDeployment read_request(const ApiContext& context, const nlohmann::json& body,
                                  Fields& fields) {
  store::NewDeployment wanted;
  wanted.app_id = fields.text("agentAppId", true);
  if (!wanted.app_id.empty())
    if (const auto checked = model::check_app_id(wanted.app_id); !checked)
      fields.add(checked.error().message);
  const std::string url = fields.text("packageUrl", true);
  if (!url.empty()) {
    auto location = check_package_location(url, context.allow_file_dirs);
    if (location)
      wanted.package_url = std::move(*location);
    else
      fields.add(location.error().message);
  }
  wanted.expected_sha256 = fields.text("packageSha256");
  if (!wanted.expected_sha256.empty() && !apkg::is_sha256(wanted.expected_sha256))
    fields.add(fmt::format("packageSha256 '{}' must be 64 hex characters",
                           wanted.expected_sha256.substr(0, 80)));
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
  refuse_what_is_not_there(body, fields);
  return wanted;
}

}  // namespace

Reply create_deployment(const ApiContext& context, Call& call) {
  // The body is JSON whatever its Content-Type says: `curl -d` claims it is a form.
  const auto text = call.body.read_all(kMaxJsonBodyBytes, kBodyTimeout);
  if (!text) return problem(context, text.error());
  const auto body = nlohmann::json::parse(*text, nullptr, false);
  if (!body.is_object())
    return problem(400, "the request is not valid",
                   {R"(the body must be a JSON object, like {"agentAppId":"my-agent",)"
                    R"("packageUrl":"https://host/my-agent.apkg"})"});
  Fields fields(body);
  store::NewDeployment wanted = read_request(context, body, fields);
  if (!fields.findings().empty())
    return problem(400, "the request is not valid", fields.findings());
  if (const auto key = call.head.headers.get("idempotency-key")) {
    wanted.idempotency_key = *key;
    wanted.request_digest = apkg::sha256_of(*text);
  }
  const auto accepted = context.store.accept_deployment(wanted);
  if (!accepted) return refused_deployment(context, accepted.error());
  return accepted_reply(call, *accepted);
}

Reply get_deployment(const ApiContext& context, Call& call) {
  const auto deployment = context.store.deployment(call.params[0]);
  if (!deployment) {
    if (deployment.error().code == ErrorCode::NotFound)
      return problem(404, fmt::format("there is no deployment '{}'", call.params[0]));
    return problem(context, deployment.error());
  }
  return json_reply(200, {{"deployment", deployment_body(*deployment, context.clock.unix_now())}});
}

Reply queue_stats(const ApiContext& context, Call&) {
  const auto stats = context.store.queue_stats();
  if (!stats) return problem(context, stats.error());
  const bool is_backed_up = stats->queued > 100;
  return json_reply(
      200, {{"stats",
             {{"queued", stats->queued},
              {"processing", stats->processing},
              {"completed", stats->completed},
              {"failed", stats->failed},
              {"total", stats->queued + stats->processing + stats->completed + stats->failed}}},
            {"health",
             {{"status", is_backed_up ? "warning" : "healthy"},
              {"message", is_backed_up ? "more than 100 deployments wait"
                                       : "deployments are taken up as they come"}}},
            {"metrics",
             {{"avgProcessingTimeSeconds", stats->average_processing_seconds},
              {"lastUpdated", iso8601(stats->last_updated)}}}});
}

}  // namespace pixell::api
