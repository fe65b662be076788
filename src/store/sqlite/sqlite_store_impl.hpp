#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "store/sqlite/database.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/store.hpp"

namespace pixell::store {

/// The SQLite backend: one connection that writes, one that reads, each behind its own lock.
/// The methods are in sqlite_{deployments,apps,instances,routes,journal,events}.cpp.
class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<Database> writer, std::unique_ptr<Database> reader,
              std::int64_t last_sequence, const Clock& clock);

  Result<AcceptedDeployment> accept_deployment(const NewDeployment& wanted) override;
  Result<model::Deployment> deployment(std::string_view id) override;
  Result<std::vector<model::Deployment>> deployments(const DeploymentFilter& filter) override;
  Result<model::Deployment> update_deployment(const model::Deployment& changed,
                                              FencingToken token) override;
  Result<RecordedRevision> record_revision(const model::Deployment& changed,
                                           const model::Package& package,
                                           FencingToken token) override;
  Result<model::Deployment> complete_deployment(const model::Deployment& changed,
                                                FencingToken token) override;
  Result<QueueStats> queue_stats() override;

  Result<std::vector<model::AgentApp>> apps() override;
  Result<model::AgentApp> app(std::string_view id) override;
  Result<std::vector<model::Revision>> revisions(std::string_view app_id,
                                                 std::size_t limit) override;
  Result<model::Revision> revision(std::string_view app_id, std::int64_t number) override;
  Result<model::Package> package(std::string_view app_id, std::string_view sha256) override;

  Result<std::vector<model::Instance>> instances(std::string_view app_id) override;
  Result<model::Instance> instance(std::string_view id) override;
  Result<void> put_instance(const model::Instance& instance, FencingToken token) override;
  Result<void> remove_instance(std::string_view id, FencingToken token) override;

  Result<StoredRoute> route(std::string_view app_id) override;
  Result<std::int64_t> set_route(const model::Route& route, FencingToken token) override;
  Result<model::RouteSnapshot> routes() override;

  Result<void> begin_step(const StepRecord& step, FencingToken token) override;
  Result<void> finish_step(std::string_view key, const Error* failure, FencingToken token) override;
  Result<std::vector<StepRecord>> open_steps() override;

  Result<Lease> acquire_lease(std::string_view name, std::string_view holder, Millis life,
                              bool take_over) override;
  Result<Lease> renew_lease(const Lease& lease, Millis life) override;

  Result<std::vector<Event>> events_after(std::int64_t sequence, std::size_t limit) override;
  Result<std::int64_t> last_event() override;
  Result<void> verify_events() override;
  Result<std::int64_t> wait_for_change(std::int64_t after, Millis timeout,
                                       std::stop_token stop) override;

 private:
  /// Runs `body` (which returns a Result) in one write transaction; an error rolls it back.
  template <class Body>
  auto write(Body body) -> decltype(body()) {
    std::lock_guard lock(write_mutex_);
    appended_sequence_ = 0;
    TRY(Transaction transaction, Transaction::begin(*writer_));
    auto result = body();
    if (!result) return result;
    TRY_VOID(transaction.commit());
    if (appended_sequence_ != 0) announce(appended_sequence_);
    return result;
  }

  // Everything below that takes no lock is called inside write().
  Result<void> append_event(std::string_view app_id, std::string_view kind,
                            std::string_view detail);
  Result<void> write_deployment(const model::Deployment& changed, FencingToken token);
  Result<void> insert_deployment(const model::Deployment& deployment, std::string_view org);
  Result<model::AgentApp> ensure_app(const NewDeployment& wanted);
  Result<model::Package> ensure_package(const model::Package& package);
  Result<std::optional<AcceptedDeployment>> repeated_request(const NewDeployment& wanted);
  Result<void> refuse_known_version(const NewDeployment& wanted);
  void announce(std::int64_t sequence);

  const Clock& clock_;
  std::mutex write_mutex_;  // guards writer_ and appended_sequence_
  std::unique_ptr<Database> writer_;
  std::int64_t appended_sequence_ = 0;  // of the last event of the open transaction; 0 = none
  std::mutex read_mutex_;               // guards reader_
  std::unique_ptr<Database> reader_;
  std::mutex change_mutex_;  // guards last_sequence_
  std::condition_variable_any changed_;
  std::int64_t last_sequence_;
};

/// Reads of rows, shared by the files above. Each runs on the connection it is given.
Result<model::Deployment> read_deployment(Database& database, std::string_view id);
Result<model::AgentApp> read_app(Database& database, std::string_view id);
Result<model::Package> read_package(Database& database, std::string_view app_id,
                                    std::string_view sha256);

}  // namespace pixell::store
