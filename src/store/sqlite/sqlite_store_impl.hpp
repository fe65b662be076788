#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/files.hpp"
#include "store/sqlite/checkpointer.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/group_sync.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/sqlite/store_files.hpp"
#include "store/store.hpp"

namespace pixell::store {

/// What a SqliteStore is made of: three connections to one database, and its files.
struct SqliteParts {
  std::unique_ptr<Database> writer;
  std::unique_ptr<Database> reader;
  std::unique_ptr<Database> checkpointing;
  NamedFile file;
  LogFile log;
  std::int64_t last_sequence = 0;
  Millis patience{0};  ///< how long a write waits for those before it
};

/// The SQLite backend: one connection that writes, one that reads, each behind its own lock, and
/// one that copies the write-ahead log to the database file.
/// The methods are in sqlite_{deployments,rollouts,apps,routing,revisions,packages}.cpp and
/// sqlite_{instances,routes,rule_places,journal,idempotency,events}.cpp.
class SqliteStore final : public Store {
 public:
  SqliteStore(SqliteParts parts, const Clock& clock);

  Result<AcceptedDeployment> accept_deployment(const NewDeployment& wanted) override;
  Result<model::Deployment> deployment(std::string_view id) override;
  Result<std::vector<model::Deployment>> deployments(const DeploymentFilter& filter) override;
  Result<model::Deployment> update_deployment(const model::Deployment& changed,
                                              FencingToken token) override;
  Result<RecordedRevision> record_revision(const model::Deployment& changed,
                                           const model::Package& package,
                                           FencingToken token) override;
  Result<model::Deployment> complete_deployment(const model::Deployment& changed,
                                                const model::Traffic& traffic,
                                                FencingToken token) override;
  Result<model::Deployment> command_rollout(std::string_view id, model::RolloutCommand command,
                                            IfGeneration if_generation) override;
  Result<QueueStats> queue_stats() override;

  Result<std::vector<model::AgentApp>> apps(const AppFilter& filter) override;
  Result<model::AgentApp> app(std::string_view id) override;
  Result<model::AgentApp> update_app(std::string_view app_id, const model::Traffic* traffic,
                                     const model::AppSettings* settings,
                                     IfGeneration if_generation) override;
  Result<model::AgentApp> set_routing(std::string_view app_id, const model::Routing& routing,
                                      IfGeneration if_generation) override;
  Result<model::AgentApp> delete_app(std::string_view app_id, IfGeneration if_generation) override;
  Result<std::vector<std::string>> remove_app(std::string_view app_id, FencingToken token) override;

  Result<std::vector<model::Revision>> revisions(const RevisionFilter& filter) override;
  Result<model::Revision> revision(std::string_view app_id, std::int64_t number) override;
  Result<void> remove_revision(std::string_view app_id, std::int64_t number) override;

  Result<model::Package> add_package(const model::Package& package,
                                     bool refuse_existing_version) override;
  Result<std::vector<model::Package>> packages(const PackageFilter& filter) override;
  Result<model::Package> package(std::string_view app_id, std::string_view sha256_or_id) override;
  Result<bool> remove_package(std::string_view app_id, std::string_view sha256_or_id) override;

  Result<std::vector<model::Instance>> instances(const InstanceFilter& filter) override;
  Result<model::Instance> instance(std::string_view id) override;
  Result<void> put_instance(const model::Instance& instance, FencingToken token) override;
  Result<void> remove_instance(std::string_view id, FencingToken token) override;

  Result<StoredRoute> route(std::string_view app_id) override;
  Result<std::int64_t> set_route(const model::Route& route, FencingToken token) override;
  Result<model::RouteSnapshot> routes() override;

  Result<model::RulePlace> place_rules(std::string_view app_id,
                                       const std::vector<model::RuleListener>& listeners) override;
  Result<std::optional<model::RulePlace>> rule_place(std::string_view app_id) override;
  Result<std::vector<model::RulePlace>> rule_places() override;

  Result<void> begin_step(const StepRecord& step, FencingToken token) override;
  Result<void> finish_step(std::string_view key, const Error* failure, FencingToken token) override;
  Result<std::vector<StepRecord>> open_steps() override;

  Result<Lease> acquire_lease(std::string_view name, std::string_view holder, Millis life,
                              bool take_over) override;
  Result<Lease> renew_lease(const Lease& lease, Millis life) override;

  Result<std::optional<IdempotentReply>> reserve_reply(std::string_view key,
                                                       std::string_view request_digest) override;
  Result<void> keep_reply(std::string_view key, const IdempotentReply& reply) override;

  Result<void> check() override;

  Result<std::vector<Event>> events(const EventFilter& filter) override;
  Result<std::int64_t> last_event() override;
  Result<void> verify_events() override;
  Result<std::int64_t> wait_for_change(std::int64_t after, Millis timeout,
                                       std::stop_token stop) override;

 private:
  /// Runs `body` (which returns a Result) in one write transaction; an error rolls it back. What is
  /// promised to a caller of the API survives a PowerCut: writers that come together share one
  /// sync. What a lease holder notes for itself survives a ProcessCrash: after a power cut a prefix
  /// of all transactions is there, and the reconciler goes on from it. Readers may see a row a
  /// moment before it is durable; the change feed tells of it after that.
  template <class Body>
  auto write(Durability durability, Body body) -> decltype(body()) {
    std::int64_t appended = 0;
    auto result = commit(body, appended);
    Result<void> synced;
    if (result && durability == Durability::PowerCut) synced = log_sync_.wait();
    if (appended != 0) announce(appended);
    if (!synced) {
      note_trouble(synced.error());
      return std::move(synced).error();
    }
    if (result)
      note_success(durability);
    else
      note_trouble(result.error());
    return result;
  }
  template <class Body>
  auto write(Body body) -> decltype(body()) {
    return write(Durability::PowerCut, std::move(body));
  }

  /// One transaction; `appended` becomes the number of its last event, 0 without any.
  template <class Body>
  auto commit(Body& body, std::int64_t& appended) -> decltype(body()) {
    std::unique_lock lock(write_mutex_, patience_);
    if (!lock) return too_many_writers();
    TRY_VOID(file_.verify());
    appended_sequence_ = 0;
    TRY(Transaction transaction, Transaction::begin(*writer_));
    auto result = body();
    if (!result) return result;
    TRY_VOID(transaction.commit());
    appended = appended_sequence_;
    if (writer_->log_pages() > kCheckpointPages) checkpointer_.wake();
    return result;
  }

  Error too_many_writers() const;
  Result<void> sync_log();
  void note_trouble(const Error& error);
  void note_success(Durability durability);

  // Everything below that takes no lock is called inside write().
  Result<void> append_event(std::string_view app_id, std::string_view kind,
                            std::string_view detail);
  Result<void> write_deployment(const model::Deployment& changed, FencingToken token);
  Result<void> insert_deployment(const model::Deployment& deployment, std::string_view org);
  Result<model::AgentApp> ensure_app(std::string_view app_id, std::string_view org);
  Result<model::Package> ensure_package(const model::Package& package);
  Result<std::optional<AcceptedDeployment>> repeated_request(const NewDeployment& wanted);
  Result<void> refuse_known_version(std::string_view app_id, std::string_view version);
  Result<void> adopt_revision(model::Deployment& deployment);
  Result<void> write_app(const model::AgentApp& changed, FencingToken token);
  Result<void> retire_revisions(const model::AgentApp& before, const model::Traffic& after);
  Result<model::AgentApp> app_to_change(std::string_view app_id, IfGeneration if_generation);
  Result<bool> has_open_deployment(std::string_view app_id);
  struct NameOwner {
    std::string app_id;
    std::string name_is;  // "the id", "the short id", "an alias", "a host"
  };
  Result<std::optional<NameOwner>> owner_of(std::string_view name);
  Result<std::optional<NameOwner>> owner_of_host(std::string_view host);
  Result<void> reserve_names(const model::AgentApp& app);
  void announce(std::int64_t sequence);

  const Clock& clock_;
  const NamedFile file_;
  const LogFile log_;
  const Millis patience_;
  std::timed_mutex write_mutex_;  // guards writer_ and appended_sequence_
  std::unique_ptr<Database> writer_;
  std::int64_t appended_sequence_ = 0;  // of the last event of the open transaction; 0 = none
  std::mutex read_mutex_;               // guards reader_
  std::unique_ptr<Database> reader_;
  std::mutex change_mutex_;  // guards last_sequence_
  std::condition_variable_any changed_;
  std::int64_t last_sequence_;
  std::mutex trouble_mutex_;      // guards trouble_
  std::optional<Error> trouble_;  // why the last write failed, unless one succeeded since
  std::atomic<bool> is_log_suspect_ =
      false;  // a sync of the log failed; log_sync_'s leader sets it
  GroupSync log_sync_;
  Checkpointer checkpointer_;  // last: its thread uses the above
};

/// The first column of the only row.
Result<std::int64_t> first_number(Query& query);

/// Reads of rows, shared by the files above. Each runs on the connection it is given.
Result<model::Deployment> read_deployment(Database& database, std::string_view id);
Result<model::AgentApp> read_app(Database& database, std::string_view id);
Result<model::Package> read_package(Database& database, std::string_view app_id,
                                    std::string_view sha256);

}  // namespace pixell::store
