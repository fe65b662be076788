#include "reconcile/executor.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/ids.hpp"
#include "model/manifest.hpp"
#include "reconcile/limits.hpp"

namespace pixell::reconcile {

namespace {

using model::StepState;

// Moves a deployment's visible steps on: everything before `name` is done, `name` runs.
void advance_to(model::Deployment& deployment, std::string_view name, UnixMillis now) {
  deployment.state = model::DeploymentState::Processing;
  if (deployment.started_at == 0) deployment.started_at = now;
  bool is_before = true;
  for (model::DeploymentStep& step : deployment.steps) {
    const bool is_it = step.name == name;
    if (is_it) is_before = false;
    if (!is_before && !is_it) continue;
    if (step.started_at == 0) step.started_at = now;
    if (is_it && step.state == StepState::Pending) step.state = StepState::Processing;
    if (is_before && step.state != StepState::Completed) {
      step.state = StepState::Completed;
      step.completed_at = now;
    }
  }
}

bool has_reached(const model::Deployment& deployment, std::string_view name) {
  for (const model::DeploymentStep& step : deployment.steps)
    if (step.name == name) return step.state != StepState::Pending;
  return false;
}

void end_step(model::Deployment& deployment, UnixMillis now) {
  for (model::DeploymentStep& step : deployment.steps) {
    if (step.state == StepState::Completed) continue;
    step.state = StepState::Failed;
    if (step.started_at == 0) step.started_at = now;
    step.completed_at = now;
    return;  // those behind it were never begun
  }
}

struct JournalEntry {
  std::string key;  // one per thing to be done: doing it again is another try of the same step
  std::string deployment_id;
  nlohmann::json detail = nlohmann::json::object();
};

// Makes the entry of each kind of step; the kind is put in front of the key by the caller.
struct EntryOf {
  const std::string& app_id;

  JournalEntry operator()(const ImportPackage& s) const {
    return {s.deployment_id, s.deployment_id};
  }
  JournalEntry operator()(const CreateRevision& s) const {
    return {s.deployment_id, s.deployment_id};
  }
  JournalEntry operator()(const StartInstance& s) const {
    return {.key = fmt::format("{}/{}/{}", app_id, s.revision, s.instance_id),
            .deployment_id = s.deployment_id,
            .detail = {{"revision", s.revision}, {"restarts", s.restarts}}};
  }
  JournalEntry operator()(const PublishRoute& s) const {
    JournalEntry entry{.key = app_id, .deployment_id = s.deployment_id};
    for (const model::RouteLeg& leg : s.legs)
      entry.detail["legs"].push_back(
          {{"revision", leg.revision}, {"targets", leg.addresses.size()}});
    return entry;
  }
  JournalEntry operator()(const StopInstance& s) const { return {s.instance_id, {}}; }
  JournalEntry operator()(const RemoveInstance& s) const { return {s.instance_id, {}}; }
  JournalEntry operator()(const CompleteDeployment& s) const {
    return {s.deployment_id, s.deployment_id};
  }
  JournalEntry operator()(const FailDeployment& s) const {
    return {.key = s.deployment_id,
            .deployment_id = s.deployment_id,
            .detail = {{"cause", to_string(s.failure.cause)}}};
  }
};

}  // namespace

bool is_transient(const Error& error) {
  return error.retry == Retry::Later || error.code == ErrorCode::Unavailable ||
         error.code == ErrorCode::DeadlineExceeded || error.code == ErrorCode::Aborted ||
         error.code == ErrorCode::Cancelled || error.code == ErrorCode::ResourceExhausted;
}

Result<void> Executor::run(const model::AgentApp& app, const Step& step, std::stop_token stop) {
  const JournalEntry entry = std::visit(EntryOf{app.id}, step);
  const std::string key = fmt::format("{}:{}", name_of(step), entry.key);
  TRY_VOID(parts_.store.begin_step({.key = key,
                                    .app_id = app.id,
                                    .deployment_id = entry.deployment_id,
                                    .kind = std::string(name_of(step)),
                                    .detail = entry.detail.dump()},
                                   token_));
  auto done = std::visit([&](const auto& kind) { return perform(app, kind, stop); }, step);
  const auto marked = parts_.store.finish_step(key, done ? nullptr : &done.error(), token_);
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
  if (!package) return fail_deployment(step.deployment_id, package.error());
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
  TRY(const engine::InstanceSpec spec, spec_of(app, row));
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
                     .legs = step.legs};
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
  return fail_deployment(step.deployment_id, step.failure);
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
                                       const model::Failure& failure) {
  TRY(auto deployment, open_deployment(deployment_id));
  if (!deployment) return {};
  const UnixMillis now = parts_.clock.unix_now();
  end_step(*deployment, now);
  deployment->state = model::DeploymentState::Failed;
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
