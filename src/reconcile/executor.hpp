#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "engine/engine.hpp"
#include "reconcile/instance_rows.hpp"
#include "reconcile/package_importer.hpp"
#include "reconcile/steps.hpp"
#include "store/store.hpp"

namespace pixell::reconcile {

/// How instances are started and stopped.
struct InstanceOptions {
  Millis grace{30'000};             ///< how long a stop may drain
  Millis startup_timeout{300'000};  ///< until an instance that is not ready ends by itself
};

/// What an executor works with; references outlive it.
struct ExecutorParts {
  store::Store& store;
  engine::Engine& engine;
  PackageImporter& importer;
  InstanceRows& rows;
  const Clock& clock;
  Log log;
  InstanceOptions options;
};

/// Does steps. Each is idempotent, written to the journal before it is done and marked after.
/// Safe from several threads for different apps.
class Executor {
 public:
  explicit Executor(ExecutorParts parts) : parts_(std::move(parts)) {}

  /// The fencing token of the lease under which everything is written. Before the first run().
  void set_token(store::FencingToken token) { token_ = token; }

  /// Does one step of an app. An error means that the step is to be planned again: Aborted when
  /// something was changed meanwhile, Cancelled when stop was asked. What fails for good is no
  /// error: it is recorded as a failed deployment or a failed instance.
  Result<void> run(const model::AgentApp& app, const Step& step, std::stop_token stop);

 private:
  Result<void> perform(const model::AgentApp& app, const ImportPackage& step, std::stop_token stop);
  Result<void> perform(const model::AgentApp& app, const CreateRevision& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const StartInstance& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const PublishRoute& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const AdvanceRollout& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const RemoveApp& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const StopInstance& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const RemoveInstance& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const CompleteDeployment& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const FailDeployment& step, std::stop_token);
  Result<void> perform(const model::AgentApp& app, const ScaleApp& step, std::stop_token);

  Result<std::optional<model::Deployment>> open_deployment(std::string_view id);
  Result<engine::InstanceSpec> spec_of(const model::AgentApp& app, const model::Instance& row);
  Result<std::string> deployment_of(const std::string& app_id, std::int64_t revision);
  Result<void> mark_step(std::string_view deployment_id, std::string_view name);
  Result<void> fail_deployment(std::string_view deployment_id, const model::Failure& failure,
                               model::DeploymentState state);
  Result<void> record_revision(std::string_view deployment_id, const model::Package& package);

  ExecutorParts parts_;
  store::FencingToken token_ = 0;
};

/// True when trying the same call again can help.
bool is_transient(const Error& error);

}  // namespace pixell::reconcile
