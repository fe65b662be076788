#include "cmd/pac/commands/deploy.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/percent.hpp"
#include "cmd/pac/arguments.hpp"
#include "cmd/pac/commands/names.hpp"
#include "cmd/pac/commands/packages.hpp"
#include "cmd/pac/deployment_follower.hpp"
#include "cmd/pac/deployment_progress.hpp"
#include "cmd/pac/limits.hpp"
#include "model/environment.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

// The options were checked when they were read.
json strategy_of(const DeployOptions& options) {
  const bool is_canary = options.strategy == "canary" || !options.canary.empty();
  const bool is_blue_green = options.strategy == "blue-green" || !options.bake.empty();
  json strategy = {{"type", is_canary ? "canary" : is_blue_green ? "blue_green" : "rolling"}};
  if (!options.canary.empty()) {
    strategy["steps"] = json::array();
    const auto steps = parse_canary_steps(options.canary);
    for (const model::CanaryStep& step : steps.value())
      strategy["steps"].push_back(
          {{"weight_permille", step.weight_permille}, {"seconds", step.seconds}});
  }
  if (!options.bake.empty()) strategy["bake_seconds"] = parse_seconds(options.bake).value();
  if (!options.max_error_rate.empty())
    strategy["max_error_permille"] = parse_permille(options.max_error_rate).value();
  if (!options.max_p95.empty()) strategy["max_p95_ms"] = parse_millis(options.max_p95).value();
  return strategy;
}

bool has_strategy(const DeployOptions& options) {
  return !options.strategy.empty() || !options.canary.empty() || !options.bake.empty() ||
         !options.max_error_rate.empty() || !options.max_p95.empty();
}

// The file first, then what was given one by one.
Outcome<json> environment_of(const DeployOptions& options) {
  json environment = json::object();
  if (!options.env_file.empty()) {
    const auto text = read_file(options.env_file);
    if (!text)
      return failure(ExitCode::Failed,
                     fmt::format("--env-file {}: {}", options.env_file, text.error().message));
    std::vector<std::string> skipped;
    for (const auto& [name, value] : model::parse_dotenv(*text, &skipped))
      environment[name] = value;
    if (!skipped.empty())
      return failure(ExitCode::Failed,
                     fmt::format("--env-file {}: {}", options.env_file, skipped.front()));
  }
  for (const std::string& assignment : options.env) {
    const auto variable = parse_assignment(assignment).value();
    environment[variable.first] = variable.second;
  }
  return environment;
}

Outcome<json> deploy_body(const Session& session, const DeployOptions& options) {
  auto environment = environment_of(options);
  if (!environment) return std::unexpected(environment.error());
  json body = json::object();
  if (!environment->empty()) body["environment"] = std::move(*environment);
  if (has_strategy(options)) body["strategy"] = strategy_of(options);
  if (!options.tag.empty()) body["tag"] = options.tag;
  if (options.no_traffic) body["no_traffic"] = true;
  if (!options.deadline.empty()) body["deadline_seconds"] = parse_seconds(options.deadline).value();
  // Last, when all else is right: it takes long.
  if (is_address(options.package)) {
    body["package_url"] = options.package;
    return body;
  }
  const auto package =
      upload_package(session, {.file = options.package, .app = options.app, .replaces = true});
  if (!package) return std::unexpected(package.error());
  body["package"] = package->at("id");
  return body;
}

// Shows a deployment that was accepted, and its end with `wait`.
Outcome<void> accepted(const Session& session, const json& deployment, bool wait) {
  const std::string app = deployment.at("app");
  if (!wait) {
    if (session.wants_json)
      show_json(deployment);
    else
      show(fmt::format("{} accepted\nsee it with `pac deployments {}`, or wait with --wait\n",
                       deployment_title(deployment), app));
    return {};
  }
  const auto ended = follow_until_interrupted(session, deployment, deployment_title(deployment));
  if (!ended) return std::unexpected(ended.error());
  if (session.wants_json) {
    show_json(*ended);
    return {};
  }
  const std::string tag = ended->value("tag", std::string());
  show(fmt::format("{} in {}: {}/agents/{}{}/\n",
                   painted(Colour::Green, "completed", session.screen.has_colour),
                   show_duration(ended->value("duration_ms", std::int64_t{0})), session.api.url(),
                   app, tag.empty() ? tag : "@" + tag));
  if (ended->value("no_traffic", false))
    show(fmt::format("the traffic stays as it was; `pac traffic {}` shows it\n", app));
  return {};
}

}  // namespace

std::string check_deploy_options(const DeployOptions& options) {
  const std::string& strategy = options.strategy;
  if (!options.canary.empty() && !options.bake.empty())
    return "--canary and --bake do not go together: a canary has steps, blue-green bakes";
  if (!options.canary.empty() && !strategy.empty() && strategy != "canary")
    return fmt::format("--canary is for --strategy canary, not {}", strategy);
  if (!options.bake.empty() && !strategy.empty() && strategy != "blue-green")
    return fmt::format("--bake is for --strategy blue-green, not {}", strategy);
  return {};
}

Outcome<void> deploy(const Session& session, const DeployOptions& options) {
  const auto body = deploy_body(session, options);
  if (!body) return std::unexpected(body.error());
  const auto reply = session.api.send(
      {.method = "POST", .path = app_path(options.app, "/deployments"), .body = &*body});
  if (!reply) return std::unexpected(reply.error());
  return accepted(session, reply->at("deployment"), options.wait);
}

Outcome<void> roll_back(const Session& session, const std::string& app,
                        std::optional<std::int64_t> revision, bool wait) {
  json body = json::object();
  if (revision) body["revision"] = *revision;
  const auto reply =
      session.api.send({.method = "POST", .path = app_path(app, "/rollback"), .body = &body});
  if (!reply) return std::unexpected(reply.error());
  const json& deployment = reply->at("deployment");
  // Without a revision an open rollout is aborted: that it is rolled back is the success then.
  if (deployment.at("kind") == "rollback" || !wait) return accepted(session, deployment, wait);
  const auto ended = follow_until_interrupted(session, deployment,
                                              deployment_title(deployment) + " is being aborted");
  if (ended) return failure(ExitCode::Failed, "the rollout was completed before it was aborted");
  if (ended.error().code != ExitCode::DeploymentFailed) return std::unexpected(ended.error());
  if (!session.wants_json) show("rolled back\n");
  return {};
}

Outcome<void> command_rollout(const Session& session, const std::string& command,
                              const std::string& app_or_deployment) {
  const auto id = find_rollout(session, app_or_deployment);
  if (!id) return std::unexpected(id.error());
  const auto reply = session.api.send(
      {.method = "POST",
       .path = fmt::format("/v1/deployments/{}/{}", percent_encode(*id), command)});
  if (!reply) return std::unexpected(reply.error());
  const json& deployment = reply->at("deployment");
  if (session.wants_json)
    show_json(deployment);
  else
    show(fmt::format("{}\n  {}\n", deployment_title(deployment), rollout_stage(deployment)));
  return {};
}

}  // namespace pixell::cmd
