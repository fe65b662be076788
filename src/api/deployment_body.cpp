#include "api/deployment_body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pixell::api {

namespace {

// What a first deployment takes, dependencies included; clients only show it.
constexpr int kEstimatedSeconds = 30;

nlohmann::json step_body(const model::DeploymentStep& step) {
  nlohmann::json body = {{"name", step.name}, {"status", to_string(step.state)}};
  if (step.started_at > 0) body["started_at"] = iso8601(step.started_at);
  if (step.completed_at > 0) body["completed_at"] = iso8601(step.completed_at);
  if (step.started_at > 0 && step.completed_at > 0)
    body["duration_ms"] = step.completed_at - step.started_at;
  return body;
}

nlohmann::json steps_body(const std::vector<model::DeploymentStep>& steps) {
  nlohmann::json list = nlohmann::json::array();
  for (const model::DeploymentStep& step : steps) list.push_back(step_body(step));
  return list;
}

// The step that runs, else the one that failed, else the next, else the last.
std::string current_step(const std::vector<model::DeploymentStep>& steps) {
  for (const model::DeploymentStep& step : steps)
    if (step.state != model::StepState::Completed) return step.name;
  return steps.empty() ? std::string() : steps.back().name;
}

std::int64_t duration_ms(const model::Deployment& deployment, UnixMillis now) {
  const UnixMillis end = deployment.completed_at > 0 ? deployment.completed_at : now;
  return std::max<std::int64_t>(end - deployment.started_at, 0);
}

nlohmann::json rollout_body(const model::Deployment& deployment, UnixMillis now) {
  const model::RolloutProgress& progress = deployment.rollout;
  const model::Strategy& strategy = deployment.strategy;
  nlohmann::json body = {{"paused", progress.is_paused},
                         {"promoted", progress.is_promoted},
                         {"aborted", progress.is_aborted}};
  const bool is_canary = strategy.kind == model::StrategyKind::Canary;
  if (is_canary) body["stages"] = strategy.steps.size();
  if (strategy.kind == model::StrategyKind::BlueGreen) body["stages"] = 1;
  if (progress.stage < 0) return body;
  body["stage"] = progress.stage;
  const UnixMillis until = deployment.completed_at > 0 ? deployment.completed_at : now;
  body["held_seconds"] = static_cast<double>(model::held_ms(progress, until)) / 1000.0;
  const auto at = static_cast<std::size_t>(progress.stage);
  if (is_canary && at < strategy.steps.size()) {
    body["weight_permille"] = strategy.steps[at].weight_permille;
    body["stage_seconds"] = strategy.steps[at].seconds;
  } else if (!is_canary) {
    body["weight_permille"] = model::kWholeTraffic;
    body["stage_seconds"] = strategy.bake_seconds;
  }
  return body;
}

// Members that are there when they say something.
void add_details(nlohmann::json& body, const model::Deployment& deployment) {
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) body[name] = text;
  };
  add("version", deployment.version);
  add("package_sha256", deployment.package_sha256);
  add("package_url", deployment.package_url);
  add("release_notes", deployment.release_notes);
  add("tag", deployment.tag);
  if (deployment.revision > 0) body["revision"] = deployment.revision;
  if (deployment.started_at > 0) body["started_at"] = iso8601(deployment.started_at);
  if (deployment.completed_at > 0) body["completed_at"] = iso8601(deployment.completed_at);
  if (deployment.failure) body["failure"] = model::to_json(*deployment.failure);
}

std::string_view cli_status(model::DeploymentState state) {
  return to_string(state == model::DeploymentState::RolledBack ? model::DeploymentState::Failed
                                                               : state);
}

}  // namespace

nlohmann::json deployment_body(const model::Deployment& deployment, UnixMillis now) {
  nlohmann::json body = {{"id", deployment.id},
                         {"app", deployment.app_id},
                         {"kind", to_string(deployment.kind)},
                         {"state", to_string(deployment.state)},
                         {"generation", deployment.generation},
                         {"no_traffic", !deployment.moves_traffic},
                         {"strategy", model::to_json(deployment.strategy)},
                         {"rollout", rollout_body(deployment, now)},
                         {"steps", steps_body(deployment.steps)},
                         {"created_at", iso8601(deployment.created_at)},
                         {"deadline", iso8601(deployment.deadline)}};
  add_details(body, deployment);
  if (deployment.started_at > 0) body["duration_ms"] = duration_ms(deployment, now);
  return body;
}

nlohmann::json cli_deployment_body(const model::Deployment& deployment, UnixMillis now) {
  nlohmann::json body = {{"id", deployment.id},
                         {"status", cli_status(deployment.state)},
                         {"agent_app_id", deployment.app_id},
                         {"version", deployment.version},
                         {"created_at", iso8601(deployment.created_at)},
                         {"deadline", iso8601(deployment.deadline)},
                         {"progress",
                          {{"current_step", current_step(deployment.steps)},
                           {"steps", steps_body(deployment.steps)}}}};
  add_details(body, deployment);
  if (deployment.started_at > 0)
    body["duration_seconds"] = static_cast<double>(duration_ms(deployment, now)) / 1000.0;
  if (deployment.failure)
    body["error"] =
        fmt::format("{}: {}", to_string(deployment.failure->cause), deployment.failure->message);
  else if (deployment.state == model::DeploymentState::RolledBack)
    body["error"] = "the rollout was taken back: the former revision serves";
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

}  // namespace pixell::api
