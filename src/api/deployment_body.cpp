#include "api/deployment_body.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace pixell::api {

namespace {

// What a first deployment takes, dependencies included; clients only show it.
constexpr int kEstimatedSeconds = 30;

nlohmann::json step_body(const model::DeploymentStep& step) {
  nlohmann::json body = {{"name", step.name}, {"status", to_string(step.state)}};
  if (step.started_at > 0) body["started_at"] = iso8601(step.started_at);
  if (step.completed_at > 0) body["completed_at"] = iso8601(step.completed_at);
  return body;
}

// The step that runs, else the one that failed, else the next, else the last.
std::string current_step(const std::vector<model::DeploymentStep>& steps) {
  for (const model::DeploymentStep& step : steps)
    if (step.state != model::StepState::Completed) return step.name;
  return steps.empty() ? std::string() : steps.back().name;
}

}  // namespace

nlohmann::json deployment_body(const model::Deployment& deployment, UnixMillis now) {
  nlohmann::json steps = nlohmann::json::array();
  for (const model::DeploymentStep& step : deployment.steps) steps.push_back(step_body(step));
  nlohmann::json body = {
      {"id", deployment.id},
      {"status", to_string(deployment.state)},
      {"agent_app_id", deployment.app_id},
      {"version", deployment.version},
      {"created_at", iso8601(deployment.created_at)},
      {"deadline", iso8601(deployment.deadline)},
      {"progress",
       {{"current_step", current_step(deployment.steps)}, {"steps", std::move(steps)}}}};
  if (!deployment.package_sha256.empty()) body["package_sha256"] = deployment.package_sha256;
  if (deployment.revision > 0) body["revision"] = deployment.revision;
  if (deployment.started_at > 0) {
    body["started_at"] = iso8601(deployment.started_at);
    const UnixMillis end = deployment.completed_at > 0 ? deployment.completed_at : now;
    body["duration_seconds"] = static_cast<double>(end - deployment.started_at) / 1000.0;
  }
  if (deployment.completed_at > 0) body["completed_at"] = iso8601(deployment.completed_at);
  if (deployment.failure) {
    body["error"] =
        fmt::format("{}: {}", to_string(deployment.failure->cause), deployment.failure->message);
    body["failure"] = model::to_json(*deployment.failure);
  }
  return body;
}

Reply accepted_reply(const Call& call, const store::AcceptedDeployment& accepted) {
  const model::Deployment& deployment = accepted.deployment;
  const std::string path = "/api/deployments/" + deployment.id;
  nlohmann::json body = {{"deployment",
                          {{"id", deployment.id},
                           {"status", to_string(deployment.state)},
                           {"agent_app_id", deployment.app_id},
                           {"queued_at", iso8601(deployment.created_at)},
                           {"estimated_duration_seconds", kEstimatedSeconds}}},
                         {"app", {{"id", accepted.app.id}, {"short_id", accepted.app.short_id}}},
                         {"tracking", {{"status_url", call.public_base() + path}}}};
  if (accepted.package)
    body["package"] = {{"id", accepted.package->id},
                       {"version", accepted.package->version},
                       {"size_bytes", accepted.package->size_bytes},
                       {"sha256", accepted.package->sha256},
                       {"status", "stored"}};
  Reply reply = json_reply(202, body);
  reply.headers.add("location", path);
  return reply;
}

Reply refused_deployment(const ApiContext& context, const Error& error) {
  // A key used with another request is a conflict to the caller, not a malformed request.
  if (error.code == ErrorCode::FailedPrecondition) return problem(409, error.message);
  return problem(context, error);
}

}  // namespace pixell::api
