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
#include "model/rule_place.hpp"
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
  model::DeploymentKind kind = model::DeploymentKind::Deploy;
  /// A revision that is there already, instead of a package; NotFound when it is not.
  std::int64_t revision = 0;
  std::string package_url{};                ///< where to import from; empty when uploaded
  std::string expected_sha256{};            ///< or empty
  std::optional<model::Package> package{};  ///< uploaded: already in the package store
  bool refuse_existing_version = false;     ///< AlreadyExists when the app has package->version
  std::string version{};
  std::string release_notes{};
  std::map<std::string, std::string> environment{};
  model::Resources resources{};
  model::LimitsAsked limits{};
  model::Strategy strategy{};
  std::string tag{};
  bool moves_traffic = true;
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

/// Which apps to list, by id.
struct AppFilter {
  std::string org{};       ///< empty = of every org
  std::string after_id{};  ///< only those behind this one
  std::size_t limit = kMaxListedRows;
};

/// Which deployments to list, newest first.
struct DeploymentFilter {
  std::string app_id{};                           ///< empty = of every app
  bool only_open = false;                         ///< queued and processing only
  std::optional<model::DeploymentState> state{};  ///< or those of one state
  std::string before_id{};                        ///< only older ones than this deployment
  std::size_t limit = kMaxListedRows;
};

/// Which packages of an app to list, newest first.
struct PackageFilter {
  std::string app_id{};
  std::string before_id{};  ///< only older ones than this package
  std::size_t limit = kMaxListedRows;
};

/// Which revisions of an app to list, newest first.
struct RevisionFilter {
  std::string app_id{};
  std::int64_t before_number = INT64_MAX;
  bool only_retired = false;
  std::size_t limit = kMaxListedRows;
};

/// Which instances to list, oldest first.
struct InstanceFilter {
  std::string app_id{};                         ///< empty = of all
  std::int64_t revision = 0;                    ///< 0 = of all
  std::optional<model::InstancePhase> phase{};  ///< none = in any
  std::string after_id{};                       ///< only younger ones than this instance
  std::size_t limit = kMaxListedRows;
};

/// Which events to list, oldest first.
struct EventFilter {
  std::int64_t after = 0;  ///< only those with a higher sequence number
  std::string app_id{};    ///< empty = of all
  std::string kind{};      ///< empty = of all
  std::size_t limit = kMaxListedRows;
};

/// A write that is only to happen to what the caller has seen: the generation it read.
using IfGeneration = std::optional<std::int64_t>;

/// What was answered to a request with an Idempotency-Key.
struct IdempotentReply {
  std::string request_digest{};  ///< of method, path and body
  int status = 0;                ///< 0 = the request is being answered
  std::string content_type{};
  std::string location{};  ///< its Location header, or empty
  std::string body{};
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
  std::int64_t failed = 0;                ///< those that were rolled back included
  std::int64_t rolled_back = 0;           ///< of those that failed
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
/// are blocking and safe from any thread. A write without a fencing token, set_route and remove_app
/// survive a power cut once they have returned. Other writes with a token, and leases, survive the
/// end of the process; after a power cut the latest of them may be gone, in the order they were
/// made. Another caller may read a write a moment before it is durable. Errors common to all,
/// naming the file and the remedy: ResourceExhausted (disk full), DataLoss (damaged file),
/// Unavailable (locked, slow or failing disk; try later).
class Store {
 public:
  virtual ~Store() = default;

  /// Records a deployment as queued, with the app's row on first use, in one transaction.
  /// AlreadyExists: the id or the version is taken, or a new app's id is another app's alias.
  /// FailedPrecondition: the idempotency key was used with another request, or the app is being
  /// deleted. NotFound: it has no such revision.
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
  /// Writes the deployment as update_deployment does and the app's traffic with it. Revisions that
  /// lose their last share by that are retired now; the deployment's own one, when it gets none, is
  /// too, at the moment when the deployment completed.
  virtual Result<model::Deployment> complete_deployment(const model::Deployment& changed,
                                                        const model::Traffic& traffic,
                                                        FencingToken token) = 0;
  /// What an operator asks of an open rollout. FailedPrecondition when it has ended; Aborted when
  /// its generation is another.
  virtual Result<model::Deployment> command_rollout(std::string_view id,
                                                    model::RolloutCommand command,
                                                    IfGeneration if_generation) = 0;
  virtual Result<QueueStats> queue_stats() = 0;

  virtual Result<std::vector<model::AgentApp>> apps(const AppFilter& filter) = 0;
  /// By full id, else by short id; NotFound when there is none.
  virtual Result<model::AgentApp> app(std::string_view id) = 0;
  /// Changes an app's traffic, settings, or both (what is null stays). A mirror whose revision has
  /// no leg in the new traffic is taken out of its routing. Aborted when its generation is another;
  /// FailedPrecondition while a rollout is open (traffic only) or it is being deleted; NotFound
  /// when a leg names a revision that is not there.
  virtual Result<model::AgentApp> update_app(std::string_view app_id, const model::Traffic* traffic,
                                             const model::AppSettings* settings,
                                             IfGeneration if_generation) = 0;
  /// Replaces how an app is reached. One that is not there is created when the routing has a legacy
  /// target, so that it is served before its first deployment; else NotFound. A generation of 0
  /// stands for an app that is not there; Aborted when it is another. AlreadyExists names the app
  /// that has an alias already, as its id, short id or alias, or a host. FailedPrecondition while
  /// it is being deleted, or when the mirror's revision has no leg in its traffic.
  virtual Result<model::AgentApp> set_routing(std::string_view app_id,
                                              const model::Routing& routing,
                                              IfGeneration if_generation) = 0;
  /// Marks an app as being deleted; again is success. Aborted when its generation is another.
  virtual Result<model::AgentApp> delete_app(std::string_view app_id,
                                             IfGeneration if_generation) = 0;
  /// Forgets an app that is being deleted, with all that belongs to it but its events. Returns the
  /// digests of packages that no app has any more. FailedPrecondition while it has instances.
  virtual Result<std::vector<std::string>> remove_app(std::string_view app_id,
                                                      FencingToken token) = 0;

  virtual Result<std::vector<model::Revision>> revisions(const RevisionFilter& filter) = 0;
  virtual Result<model::Revision> revision(std::string_view app_id, std::int64_t number) = 0;
  /// Forgets a revision. FailedPrecondition while it has traffic or a tag, or an open deployment is
  /// about it.
  virtual Result<void> remove_revision(std::string_view app_id, std::int64_t number) = 0;

  /// Keeps an uploaded package without deploying it, with the app's row on first use. AlreadyExists
  /// when the app has the version and `refuse_existing_version`; the same content again is success.
  virtual Result<model::Package> add_package(const model::Package& package,
                                             bool refuse_existing_version) = 0;
  virtual Result<std::vector<model::Package>> packages(const PackageFilter& filter) = 0;
  /// The app's package with this digest or id; NotFound when there is none.
  virtual Result<model::Package> package(std::string_view app_id,
                                         std::string_view sha256_or_id) = 0;
  /// Forgets a package. FailedPrecondition while a revision or an open deployment is made of it.
  /// Returns true when no other app has the same content.
  virtual Result<bool> remove_package(std::string_view app_id, std::string_view sha256_or_id) = 0;

  virtual Result<std::vector<model::Instance>> instances(const InstanceFilter& filter) = 0;
  virtual Result<model::Instance> instance(std::string_view id) = 0;
  /// Writes an instance's row; nothing is written when it says the same already.
  virtual Result<void> put_instance(const model::Instance& instance, FencingToken token) = 0;
  /// An unknown id is success.
  virtual Result<void> remove_instance(std::string_view id, FencingToken token) = 0;

  /// The route of an app; an empty one with generation 0 when it never had any.
  virtual Result<StoredRoute> route(std::string_view app_id) = 0;
  /// Replaces an app's route and grows the global route generation, which is returned. The same
  /// route again changes nothing. Neither legs nor a routing = the app has no route.
  virtual Result<std::int64_t> set_route(const model::Route& route, FencingToken token) = 0;
  /// Every route that has legs or a routing, with the global generation.
  virtual Result<model::RouteSnapshot> routes() = 0;

  /// Gives an app its place among the rules of a listener: two neighbouring priorities that no
  /// other app has there, the lowest that are free, in the first listener with room. An app that
  /// has a place keeps it whatever the listeners are, until it is removed; then others may get it.
  /// ResourceExhausted when no listener has room; NotFound when there is no such app.
  virtual Result<model::RulePlace> place_rules(
      std::string_view app_id, const std::vector<model::RuleListener>& listeners) = 0;
  /// An app's place, if it has one.
  virtual Result<std::optional<model::RulePlace>> rule_place(std::string_view app_id) = 0;
  /// Every app's, by listener and priority.
  virtual Result<std::vector<model::RulePlace>> rule_places() = 0;

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

  /// Reserves an idempotency key for a request that is about to be answered. None: it is reserved
  /// now; else what is known of it. Keys are remembered for kIdempotencyKeyLife; one that was
  /// reserved by a process that ended meanwhile is given again after kReservationLife.
  virtual Result<std::optional<IdempotentReply>> reserve_reply(std::string_view key,
                                                               std::string_view request_digest) = 0;
  /// Keeps the answer to a reserved key; a status of 0 gives the key back.
  virtual Result<void> keep_reply(std::string_view key, const IdempotentReply& reply) = 0;

  /// Whether the store can be read and, when the last write failed, be written again.
  virtual Result<void> check() = 0;

  virtual Result<std::vector<Event>> events(const EventFilter& filter) = 0;
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
