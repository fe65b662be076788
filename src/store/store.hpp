#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/agent_app.hpp"
#include "model/routes.hpp"
#include "store/limits.hpp"

namespace pixell::store {

/// Proves that the writer still holds the lease it works under: the token that acquire_lease gave.
/// A row remembers the highest token that wrote it; a write with a lower one is Aborted.
using FencingToken = std::int64_t;

/// What a caller asks for; accept_deployment() makes the Deployment of it.
struct NewDeployment {
  std::string org = "default";
  std::string id{};  ///< empty = a new ULID; a given one must be free (AlreadyExists)
  std::string app_id{};
  std::string package_url{};                ///< where to import from; empty when uploaded
  std::string expected_sha256{};            ///< or empty
  std::optional<model::Package> package{};  ///< uploaded: already in the package store
  bool refuse_existing_version = false;     ///< AlreadyExists when the app has package->version
  std::string version{};
  std::string release_notes{};
  std::map<std::string, std::string> environment{};
  model::Resources resources{};
  model::LimitsAsked limits{};
  Millis time_allowed{600'000};   ///< until the deployment's deadline
  std::string idempotency_key{};  ///< empty = none; the same key and digest gives the same answer
  std::string request_digest{};   ///< of the request's content, compared under the same key
};

/// What accept_deployment() recorded.
struct AcceptedDeployment {
  model::AgentApp app{};
  model::Deployment deployment{};
  std::optional<model::Package> package{};  ///< the row of an uploaded package
  bool is_repeat = false;                   ///< the key was known: nothing was written
};

/// Which deployments to list, newest first.
struct DeploymentFilter {
  std::string app_id{};    ///< empty = of every app
  bool only_open = false;  ///< queued and processing only
  std::size_t limit = kMaxListedRows;
};

/// A deployment after its package became a revision.
struct RecordedRevision {
  model::Deployment deployment{};
  model::Revision revision{};
};

/// Counts of deployments by state and how long a completed one took.
struct QueueStats {
  std::int64_t queued = 0;
  std::int64_t processing = 0;
  std::int64_t completed = 0;
  std::int64_t failed = 0;
  double average_processing_seconds = 0;  ///< of the last 100 completed; 0 = none yet
  UnixMillis last_updated = 0;            ///< when a deployment last changed; 0 = never
};

/// A route with what the planner needs to wait for the edges.
struct StoredRoute {
  model::Route route{};
  std::int64_t generation = 0;  ///< global route generation of the last change; 0 = never routed
  UnixMillis changed_at = 0;
};

/// One line of the append-only history. Each hash covers the one before.
struct Event {
  std::int64_t sequence = 0;
  UnixMillis at = 0;
  std::string app_id{};  ///< empty = not about one app
  std::string kind{};    ///< deployment_accepted, route_changed, …
  std::string detail{};  ///< JSON object
  std::string hash{};    ///< SHA-256 in hex of the previous hash and this line
};

/// A step as the journal keeps it: written before it is done, marked when it ended.
struct StepRecord {
  std::string key{};  ///< the step's idempotency key
  std::string app_id{};
  std::string deployment_id{};  ///< or empty
  std::string kind{};           ///< start_instance, publish_route, …
  std::string detail{};         ///< JSON object: what the step is about
  UnixMillis started_at = 0;
  UnixMillis finished_at = 0;  ///< 0 = open
  bool is_ok = false;
  std::string error{};  ///< when it failed
  int tries = 0;
};

/// A lease as its holder sees it.
struct Lease {
  std::string name{};
  std::string holder{};
  FencingToken token = 0;
  UnixMillis expires_at = 0;
};

/// Desired and observed state. One interface, several backends, one conformance suite. All calls
/// are blocking and safe from any thread. A write that returned is durable. Errors common to all:
/// ResourceExhausted (disk full), DataLoss (damaged file), Unavailable (locked; try later).
class Store {
 public:
  virtual ~Store() = default;

  /// Records a deployment as queued, with the app's row on first use, in one transaction.
  /// AlreadyExists: the id or the version is taken. FailedPrecondition: the idempotency key was
  /// used with another request.
  virtual Result<AcceptedDeployment> accept_deployment(const NewDeployment& wanted) = 0;
  /// NotFound when there is none.
  virtual Result<model::Deployment> deployment(std::string_view id) = 0;
  virtual Result<std::vector<model::Deployment>> deployments(const DeploymentFilter& filter) = 0;
  /// Writes state, steps, failure and times of a deployment that nobody changed since it was read
  /// (same generation) and that has not ended; else Aborted. Returns it with its new generation.
  virtual Result<model::Deployment> update_deployment(const model::Deployment& changed,
                                                      FencingToken token) = 0;
  /// Writes the deployment as update_deployment does, with its package's row (when new) and the
  /// app's next revision made of both, in one transaction.
  virtual Result<RecordedRevision> record_revision(const model::Deployment& changed,
                                                   const model::Package& package,
                                                   FencingToken token) = 0;
  /// Writes the deployment as update_deployment does and makes its revision the app's desired one.
  virtual Result<model::Deployment> complete_deployment(const model::Deployment& changed,
                                                        FencingToken token) = 0;
  virtual Result<QueueStats> queue_stats() = 0;

  /// Every app, by id.
  virtual Result<std::vector<model::AgentApp>> apps() = 0;
  /// By full id, else by short id; NotFound when there is none.
  virtual Result<model::AgentApp> app(std::string_view id) = 0;
  /// Revisions of an app, newest first.
  virtual Result<std::vector<model::Revision>> revisions(std::string_view app_id,
                                                         std::size_t limit) = 0;
  virtual Result<model::Revision> revision(std::string_view app_id, std::int64_t number) = 0;
  /// The app's package with this digest; NotFound when there is none.
  virtual Result<model::Package> package(std::string_view app_id, std::string_view sha256) = 0;

  /// Instances of an app (empty = of all), oldest first.
  virtual Result<std::vector<model::Instance>> instances(std::string_view app_id) = 0;
  virtual Result<model::Instance> instance(std::string_view id) = 0;
  /// Writes an instance's row; nothing is written when it says the same already.
  virtual Result<void> put_instance(const model::Instance& instance, FencingToken token) = 0;
  /// An unknown id is success.
  virtual Result<void> remove_instance(std::string_view id, FencingToken token) = 0;

  /// The route of an app; an empty one with generation 0 when it never had any.
  virtual Result<StoredRoute> route(std::string_view app_id) = 0;
  /// Replaces an app's route and grows the global route generation, which is returned. The same
  /// route again changes nothing. No legs = the app has no route.
  virtual Result<std::int64_t> set_route(const model::Route& route, FencingToken token) = 0;
  /// Every route that has legs, with the global generation.
  virtual Result<model::RouteSnapshot> routes() = 0;

  /// Records a step before it is done. The same key again counts another try.
  virtual Result<void> begin_step(const StepRecord& step, FencingToken token) = 0;
  /// Marks a recorded step; `failure` is null when it went well.
  virtual Result<void> finish_step(std::string_view key, const Error* failure,
                                   FencingToken token) = 0;
  /// Steps that were begun and never finished, oldest first.
  virtual Result<std::vector<StepRecord>> open_steps() = 0;

  /// Takes a lease that is free, expired or ours, or in any case with `take_over` (for a caller
  /// that knows the former holder has gone). Each change of holder gives a higher token.
  /// FailedPrecondition while another holds it.
  virtual Result<Lease> acquire_lease(std::string_view name, std::string_view holder, Millis life,
                                      bool take_over) = 0;
  /// Prolongs a lease; Aborted when it was taken by another.
  virtual Result<Lease> renew_lease(const Lease& lease, Millis life) = 0;

  /// History after a sequence number, oldest first.
  virtual Result<std::vector<Event>> events_after(std::int64_t sequence, std::size_t limit) = 0;
  /// The sequence number of the last event.
  virtual Result<std::int64_t> last_event() = 0;
  /// Recomputes the chain of hashes; DataLoss names the first event that does not fit.
  virtual Result<void> verify_events() = 0;
  /// Blocks until the last event is beyond `after`, the time passes or stop is asked; returns the
  /// sequence number of the last event.
  virtual Result<std::int64_t> wait_for_change(std::int64_t after, Millis timeout,
                                               std::stop_token stop) = 0;
};

}  // namespace pixell::store
