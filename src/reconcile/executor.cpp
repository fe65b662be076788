#include "reconcile/executor.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/crash_point.hpp"
#include "base/ids.hpp"
#include "engine/scaler.hpp"
#include "model/manifest.hpp"
#include "reconcile/deployment_steps.hpp"
#include "reconcile/limits.hpp"
#include "reconcile/step_entry.hpp"

namespace pixell::reconcile {

using model::StepState;

bool is_transient(const Error& error) {
  return error.retry == Retry::Later || error.code == ErrorCode::Unavailable ||
         error.code == ErrorCode::DeadlineExceeded || error.code == ErrorCode::Aborted ||
         error.code == ErrorCode::Cancelled || error.code == ErrorCode::ResourceExhausted;
}

Result<void> Executor::run(const model::AgentApp& app, const Step& step, std::stop_token stop) {
  const JournalEntry entry = entry_of(app.id, step);
  const std::string key = fmt::format("{}:{}", name_of(step), entry.key);
  const auto pass = [&](std::string_view where) {
    crash_point(fmt::format("control.{}.{}", name_of(step), where));
  };
  pass("planned");
  TRY_VOID(parts_.store.begin_step({.key = key,
                                    .app_id = app.id,
                                    .deployment_id = entry.deployment_id,
                                    .kind = std::string(name_of(step)),
                                    .detail = entry.detail},
                                   token_));
  pass("begun");
  auto done = std::visit([&](const auto& kind) { return perform(app, kind, stop); }, step);
  pass("done");
  const auto marked = parts_.store.finish_step(key, done ? nullptr : &done.error(), token_);
  pass("ended");
  if (!done) return done;
  return marked;
}

Result<void> Executor::perform(const model::AgentApp&, const ImportPackage& step,
                               std::stop_token stop) {
  TRY(auto deployment, open_deployment(step.deployment_id));
  if (!deployment || deployment->revision != 0) return {};
  TRY_VOID(mark_step(step.deployment_id, model::kStepValidate));
  auto package = parts_.importer.import(*deployment, stop);
  if (!package && stop.stop_requested())
    return make_error(ErrorCode::Cancelled, "the import was interrupted; it starts again");
  if (!package)
    return fail_deployment(step.deployment_id, package.error(), model::DeploymentState::Failed);
  return record_revision(step.deployment_id, *package);
}

Result<void> Executor::perform(const model::AgentApp& app, const CreateRevision& step,
                               std::stop_token) {
  TRY(auto deployment, open_deployment(step.deployment_id));
  if (!deployment || deployment->revision != 0) return {};
  TRY(const model::Package package, parts_.store.package(app.id, deployment->package_sha256));
  return record_revision(step.deployment_id, package);
}

namespace {

// The caller's limits win over the manifest's. Every stored manifest was read by this program.
model::Resources resources_of(const model::Deployment& deployment, const model::Package& package) {
  const auto json = nlohmann::json::parse(package.manifest_json, nullptr, false);
  const auto manifest = model::manifest_from_json(json);
  return model::resolve_resources(
      deployment.limits, manifest ? manifest->limits : model::LimitsAsked{}, deployment.resources);
}

}  // namespace

Result<void> Executor::record_revision(std::string_view deployment_id,
                                       const model::Package& package) {
  TRY(auto deployment, open_deployment(deployment_id));
  if (!deployment || deployment->revision != 0) return {};
  advance_to(*deployment, model::kStepStart, parts_.clock.unix_now());
  deployment->resources = resources_of(*deployment, package);
  TRY(const store::RecordedRevision recorded,
      parts_.store.record_revision(*deployment, package, token_));
  parts_.log.info("Revision recorded", {{"app", recorded.revision.app_id},
                                        {"revision", recorded.revision.number},
                                        {"deployment", deployment_id},
                                        {"package_sha256", package.sha256}});
  return {};
}

namespace {

// The engine tells why it could not, and keeps nothing of it.
bool was_never_started(const model::Instance& instance) {
  return instance.phase == model::InstancePhase::Failed && instance.started_at == 0 &&
         instance.boot_report && instance.boot_report->failure;
}

}  // namespace

Result<void> Executor::perform(const model::AgentApp& app, const StartInstance& step,
                               std::stop_token) {
  if (!step.deployment_id.empty()) TRY_VOID(mark_step(step.deployment_id, model::kStepStart));
  const UnixMillis now = parts_.clock.unix_now();
  model::Instance row;
  row.id = step.instance_id.empty() ? new_ulid(now) : step.instance_id;
  row.app_id = app.id;
  row.revision = step.revision;
  row.restarts = step.restarts;
  row.changed_at = now;
  // Recorded before it is started: after a crash the same id is started, never a second one.
  if (step.instance_id.empty()) TRY_VOID(parts_.rows.plan(row));
  TRY(engine::InstanceSpec spec, spec_of(app, row));
  TRY(const model::Package package, parts_.store.package(app.id, spec.package_sha256));
  auto url = parts_.importer.url_of(app, package);
  if (!url && is_transient(url.error())) return std::move(url).error();
  if (!url)
    return parts_.rows.fail(
        row.id,
        model::make_failure(model::Cause::EngineFailed,
                            "the package is not where instances fetch it: " + url.error().message),
        now);
  spec.package_url = std::move(*url);
  auto started = parts_.engine.ensure(spec);
  // The id is ours: an earlier start of it went through, under options that have changed since.
  if (!started && started.error().code == ErrorCode::AlreadyExists)
    started = parts_.engine.inspect(row.id);
  if (!started && is_transient(started.error())) return std::move(started).error();
  if (!started)
    return parts_.rows.fail(
        row.id,
        model::make_failure(model::Cause::EngineFailed,
                            "the engine could not start the instance: " + started.error().message),
        now);
  if (was_never_started(*started))
    return parts_.rows.fail(row.id, *started->boot_report->failure, now);
  parts_.log.info("Instance started",
                  {{"app", app.id}, {"revision", step.revision}, {"instance", row.id}});
  if (started->started_at == 0) started->started_at = now;
  return parts_.rows.observe(*started);
}

Result<engine::InstanceSpec> Executor::spec_of(const model::AgentApp& app,
                                               const model::Instance& row) {
  TRY(const model::Revision revision, parts_.store.revision(app.id, row.revision));
  engine::InstanceSpec spec;
  spec.id = row.id;
  spec.app_id = app.id;
  spec.revision = row.revision;
  TRY(spec.deployment_id, deployment_of(app.id, row.revision));
  spec.package_path = parts_.importer.path_of(revision.package_sha256).string();
  spec.package_sha256 = revision.package_sha256;
  spec.base_path = "/agents/" + app.id;
  spec.environment = revision.environment;
  spec.resources = revision.resources;
  spec.grace = parts_.options.grace;
  spec.startup_timeout = parts_.options.startup_timeout;
  return spec;
}

// The deployment that made the revision, so that a restart carries the same id; empty when it is
// too long ago.
Result<std::string> Executor::deployment_of(const std::string& app_id, std::int64_t revision) {
  TRY(const auto deployments,
      parts_.store.deployments({.app_id = app_id, .limit = kSearchedDeployments}));
  for (const model::Deployment& deployment : deployments)
    if (deployment.revision == revision) return deployment.id;
  return std::string();
}

Result<void> Executor::perform(const model::AgentApp& app, const PublishRoute& step,
                               std::stop_token) {
  model::Route route{.app_id = app.id,
                     .short_id = app.short_id,
                     .name = app.id,
                     .description = {},
                     .version = {},
                     .legs = step.legs,
                     .sticky = step.sticky,
                     .routing = step.routing};
  if (!step.legs.empty()) {
    TRY(const model::Revision revision, parts_.store.revision(app.id, step.legs.front().revision));
    TRY(const model::Package package, parts_.store.package(app.id, revision.package_sha256));
    const auto json = nlohmann::json::parse(package.manifest_json, nullptr, false);
    const auto manifest = model::manifest_from_json(json);
    // What a manifest says of itself is for people; a route works without.
    if (manifest) {
      route.name = manifest->display_name.empty() ? manifest->name : manifest->display_name;
      route.description = manifest->description;
    }
    route.version = revision.version;
  }
  TRY(const std::int64_t generation, parts_.store.set_route(route, token_));
  parts_.log.info("Route published",
                  {{"app", app.id},
                   {"generation", generation},
                   {"revision", step.legs.empty() ? 0 : step.legs.front().revision},
                   {"ready", !step.legs.empty() && !step.legs.front().addresses.empty()}});
  if (step.deployment_id.empty()) return {};
  return mark_step(step.deployment_id, model::kStepRoute);
}

Result<void> Executor::perform(const model::AgentApp& app, const AdvanceRollout& step,
                               std::stop_token) {
  TRY(auto deployment, open_deployment(step.deployment_id));
  if (!deployment || deployment->rollout.stage >= step.stage) return {};
  const UnixMillis now = parts_.clock.unix_now();
  model::RolloutProgress& rollout = deployment->rollout;
  rollout.stage = step.stage;
  rollout.stage_started_at = now;
  rollout.stage_held_ms = 0;
  rollout.measured_since = now;
  TRY_VOID(parts_.store.update_deployment(*deployment, token_));
  parts_.log.info("Rollout stage begun",
                  {{"app", app.id}, {"deployment", deployment->id}, {"stage", step.stage}});
  return {};
}

Result<void> Executor::perform(const model::AgentApp&, const RemoveApp& step, std::stop_token) {
  // While its rows are there the app is planned again, until the engine has nothing of it.
  TRY(const bool is_forgotten, parts_.engine.forget_app(step.app_id));
  if (!is_forgotten) return {};
  TRY(const std::vector<std::string> packages, parts_.store.remove_app(step.app_id, token_));
  // Their rows are gone: a file that stays behind costs space, not correctness.
  for (const std::string& sha256 : packages)
    if (const auto removed = parts_.importer.remove(sha256); !removed)
      parts_.log.warning("Package not removed",
                         {{"sha256", sha256}, {"error", removed.error().message}});
  parts_.log.info("App removed", {{"app", step.app_id}, {"packages", packages.size()}});
  return {};
}

Result<void> Executor::perform(const model::AgentApp& app, const StopInstance& step,
                               std::stop_token) {
  TRY_VOID(parts_.engine.stop(step.instance_id, parts_.options.grace));
  parts_.log.info("Instance told to stop", {{"app", app.id}, {"instance", step.instance_id}});
  const auto seen = parts_.engine.inspect(step.instance_id);
  if (!seen) return {};  // gone already; the observer takes care of its row
  return parts_.rows.observe(*seen);
}

Result<void> Executor::perform(const model::AgentApp&, const RemoveInstance& step,
                               std::stop_token) {
  auto removed = parts_.engine.remove(step.instance_id);
  // The engine knows better than a row whether it runs: it is stopped first, and removed later.
  if (!removed && removed.error().code == ErrorCode::FailedPrecondition)
    TRY_VOID(parts_.engine.stop(step.instance_id, parts_.options.grace));
  if (!removed) return removed;
  return parts_.rows.remove(step.instance_id);
}

Result<void> Executor::perform(const model::AgentApp& app, const CompleteDeployment& step,
                               std::stop_token) {
  TRY(auto deployment, open_deployment(step.deployment_id));
  if (!deployment) return {};
  const UnixMillis now = parts_.clock.unix_now();
  advance_to(*deployment, model::kStepFinalize, now);
  deployment->steps.back().state = StepState::Completed;
  deployment->steps.back().completed_at = now;
  deployment->state = model::DeploymentState::Completed;
  deployment->completed_at = now;
  TRY_VOID(parts_.store.complete_deployment(*deployment, step.traffic, token_));
  parts_.log.info("Deployment completed", {{"app", app.id},
                                           {"deployment", deployment->id},
                                           {"revision", deployment->revision},
                                           {"ms", now - deployment->created_at}});
  return {};
}

Result<void> Executor::perform(const model::AgentApp&, const FailDeployment& step,
                               std::stop_token) {
  return fail_deployment(
      step.deployment_id, step.failure,
      step.is_rolled_back ? model::DeploymentState::RolledBack : model::DeploymentState::Failed);
}

Result<void> Executor::perform(const model::AgentApp& app, const ScaleApp& step, std::stop_token) {
  engine::Scaler* scaler = parts_.engine.scaler();
  if (scaler == nullptr) return {};  // planned for another engine
  TRY_VOID(scaler->scale_app(step.app_id, step.order, step.instances));
  parts_.log.info("Scaling changed", {{"app", app.id},
                                      {"is_scaled", step.order.has_value()},
                                      {"is_suspended", step.order && step.order->is_suspended}});
  return {};
}

// None when it has ended: whoever ended it was faster, and the step has nothing left to do.
Result<std::optional<model::Deployment>> Executor::open_deployment(std::string_view id) {
  TRY(model::Deployment deployment, parts_.store.deployment(id));
  if (model::is_final(deployment.state)) return std::optional<model::Deployment>();
  return std::optional(std::move(deployment));
}

Result<void> Executor::mark_step(std::string_view deployment_id, std::string_view name) {
  TRY(auto deployment, open_deployment(deployment_id));
  if (!deployment || has_reached(*deployment, name)) return {};
  advance_to(*deployment, name, parts_.clock.unix_now());
  TRY_VOID(parts_.store.update_deployment(*deployment, token_));
  return {};
}

Result<void> Executor::fail_deployment(std::string_view deployment_id,
                                       const model::Failure& failure,
                                       model::DeploymentState state) {
  TRY(auto deployment, open_deployment(deployment_id));
  if (!deployment) return {};
  const UnixMillis now = parts_.clock.unix_now();
  end_step(*deployment, now);
  deployment->state = state;
  if (deployment->started_at == 0) deployment->started_at = now;
  deployment->completed_at = now;
  deployment->failure = failure;
  TRY_VOID(parts_.store.update_deployment(*deployment, token_));
  parts_.log.warning("Deployment failed", {{"app", deployment->app_id},
                                           {"deployment", deployment->id},
                                           {"cause", to_string(failure.cause)},
                                           {"message", failure.message}});
  return {};
}

}  // namespace pixell::reconcile
