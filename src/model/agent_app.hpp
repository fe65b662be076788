#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "model/boot_report.hpp"
#include "model/resources.hpp"
#include "model/rollout.hpp"
#include "model/routing.hpp"
#include "model/scaling.hpp"
#include "model/traffic.hpp"

namespace pixell::model {

/// How an app runs, for every revision of it.
struct AppSettings {
  int instances = 1;                ///< ready instances of a revision that has all the traffic
  int warm_revisions = 1;           ///< former revisions that keep running for a rollback
  std::int64_t warm_seconds = 300;  ///< and for how long
  /// The engine decides the number of instances, from `instances` on; none = it stays.
  std::optional<Scaling> scaling{};
  bool operator==(const AppSettings&) const = default;
};
inline constexpr int kMaxInstancesPerApp = 64;
inline constexpr int kMaxWarmRevisions = 10;
inline constexpr std::int64_t kMaxWarmSeconds = 7 * 24 * 3'600;

/// One agent known to the installation. `id` is the agentAppId of the outside.
struct AgentApp {
  std::string id;
  std::string org = "default";
  std::string short_id;         ///< 8 characters, generated, never equal to an app id
  std::int64_t generation = 0;  ///< grows with every change of desired state
  Traffic traffic;              ///< which revisions should serve; a rollout ends by changing it
  AppSettings settings;
  Routing routing{};         ///< how it is reached beside its traffic; its mirror has a leg there
  bool is_deleting = false;  ///< it is being taken away: nothing of it should run
  UnixMillis created_at = 0;
};

/// Checks `^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`. The error names the value and the rule.
Result<void> check_app_id(std::string_view id);

/// A package in the installation's own store.
struct Package {
  std::string sha256;  ///< 64 lower-case hex characters; the identity
  std::string id;      ///< ULID, as the API shows it
  std::string app_id;
  std::string name;     ///< manifest name
  std::string version;  ///< metadata.version, or what the upload said
  std::int64_t size_bytes = 0;
  std::string manifest_json;  ///< Manifest as JSON
  std::string source;         ///< where it came from: its address, or "upload"
  UnixMillis created_at = 0;
};

/// Immutable: package digest, resolved configuration, resources.
struct Revision {
  std::string app_id;
  std::int64_t number = 0;  ///< counted per app from 1
  std::string id;           ///< ULID
  std::string package_sha256;
  std::string version;
  std::map<std::string, std::string> environment;  ///< deploy-time values; never logged
  Resources resources;
  UnixMillis created_at = 0;
  UnixMillis retired_at = 0;  ///< when it lost its traffic; 0 = it has some, or never had
};

/// RolledBack: it had traffic, which went back to where it was.
enum class DeploymentState { Queued, Processing, Completed, Failed, RolledBack };
/// The snake_case of the enumerator.
std::string_view to_string(DeploymentState state);
std::optional<DeploymentState> parse_deployment_state(std::string_view name);
inline bool is_final(DeploymentState state) {
  return state != DeploymentState::Queued && state != DeploymentState::Processing;
}

/// A new revision, or the way back to one that is there.
enum class DeploymentKind { Deploy, Rollback };
std::string_view to_string(DeploymentKind kind);
std::optional<DeploymentKind> parse_deployment_kind(std::string_view name);

enum class StepState { Pending, Processing, Completed, Failed };
std::string_view to_string(StepState state);
std::optional<StepState> parse_step_state(std::string_view name);

struct DeploymentStep {
  std::string name;  ///< validate_package, store_package, start_instance, route_traffic, finalize
  StepState state = StepState::Pending;
  UnixMillis started_at = 0;    ///< 0 = not yet
  UnixMillis completed_at = 0;  ///< 0 = not yet
};

/// The steps of every deployment, in order.
inline constexpr std::string_view kStepValidate = "validate_package";
inline constexpr std::string_view kStepStore = "store_package";
inline constexpr std::string_view kStepStart = "start_instance";
inline constexpr std::string_view kStepRoute = "route_traffic";
inline constexpr std::string_view kStepFinalize = "finalize";
std::vector<DeploymentStep> new_deployment_steps();

/// A request to move an app to a revision. It ends completed, failed or rolled back, always by its
/// deadline.
struct Deployment {
  std::string id;  ///< ULID
  std::string app_id;
  DeploymentKind kind = DeploymentKind::Deploy;
  DeploymentState state = DeploymentState::Queued;
  std::string package_url;      ///< where to import from; empty when uploaded
  std::string expected_sha256;  ///< given by the caller, or empty
  std::string package_sha256;   ///< set once imported
  std::int64_t revision = 0;    ///< set once the revision exists
  std::string version;          ///< given by the caller, or the package's
  std::string release_notes;
  std::map<std::string, std::string> environment;  ///< deploy-time values; never logged
  Resources resources;
  LimitsAsked limits;  ///< as the caller named them; they win over the manifest's
  Strategy strategy{};
  std::string tag;            ///< the revision gets it when it is ready; empty = none
  bool moves_traffic = true;  ///< false: the revision is made ready and gets no traffic
  RolloutProgress rollout{};
  std::vector<DeploymentStep> steps;
  std::optional<Failure> failure;
  std::int64_t generation = 0;  ///< fencing: grows with every write
  UnixMillis created_at = 0;
  UnixMillis started_at = 0;    ///< 0 = not yet
  UnixMillis completed_at = 0;  ///< 0 = not yet
  UnixMillis deadline = 0;
};

/// Where one running `par` is in its life, as an engine sees it.
enum class InstancePhase { Starting, Ready, Draining, Stopped, Failed };
std::string_view to_string(InstancePhase phase);
std::optional<InstancePhase> parse_instance_phase(std::string_view name);

/// One running (or ended) `par`.
struct Instance {
  std::string id;  ///< ULID
  std::string app_id;
  std::int64_t revision = 0;
  InstancePhase phase = InstancePhase::Starting;
  std::string address;     ///< "unix:/…/par.sock" or "host:port"
  std::int64_t pid = 0;    ///< 0 = not running, or not a local process
  std::string boot_phase;  ///< par's own word while it starts: fetch, dependencies, …
  int restarts = 0;
  int exit_code = -1;  ///< -1 = has not exited
  int exit_signal = 0;
  std::optional<BootReport> boot_report;
  UnixMillis started_at = 0;
  UnixMillis changed_at = 0;
};

}  // namespace pixell::model
