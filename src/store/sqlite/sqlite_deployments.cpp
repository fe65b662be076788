#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/ids.hpp"
#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

#define DEPLOYMENT_COLUMNS                                                                      \
  "id, app_id, state, package_url, expected_sha256, package_sha256, revision, version, "        \
  "release_notes, environment_json, memory_mb, cpu_units, max_pids, steps_json, failure_json, " \
  "generation, created_at, started_at, completed_at, deadline, limits_json, kind, "             \
  "strategy_json, rollout_json, tag, moves_traffic"

namespace pixell::store {

namespace {

Result<model::Deployment> deployment_of(const Query& row) {
  const auto state = model::parse_deployment_state(row.text(2));
  if (!state) return make_error(ErrorCode::DataLoss, "a stored deployment has an unknown state");
  TRY(auto environment, environment_from_text(row.text(9)));
  TRY(auto steps, steps_from_text(row.text(13)));
  TRY(auto failure, failure_from_text(row.text(14)));
  TRY(const auto limits, limits_from_text(row.text(20)));
  const auto kind = model::parse_deployment_kind(row.text(21));
  if (!kind) return make_error(ErrorCode::DataLoss, "a stored deployment has an unknown kind");
  TRY(auto strategy, strategy_from_text(row.text(22)));
  TRY(const auto rollout, progress_from_text(row.text(23)));
  return model::Deployment{.id = row.text(0),
                           .app_id = row.text(1),
                           .kind = *kind,
                           .state = *state,
                           .package_url = row.text(3),
                           .expected_sha256 = row.text(4),
                           .package_sha256 = row.text(5),
                           .revision = row.number(6),
                           .version = row.text(7),
                           .release_notes = row.text(8),
                           .environment = std::move(environment),
                           .resources = {.memory_mb = row.number(10),
                                         .cpu_units = row.number(11),
                                         .max_pids = row.number(12)},
                           .limits = limits,
                           .strategy = std::move(strategy),
                           .tag = row.text(24),
                           .moves_traffic = row.number(25) != 0,
                           .rollout = rollout,
                           .steps = std::move(steps),
                           .failure = std::move(failure),
                           .generation = row.number(15),
                           .created_at = row.number(16),
                           .started_at = row.number(17),
                           .completed_at = row.number(18),
                           .deadline = row.number(19)};
}

std::string event_detail(const model::Deployment& deployment) {
  nlohmann::json detail = {{"deployment", deployment.id}, {"state", to_string(deployment.state)}};
  if (deployment.revision != 0) detail["revision"] = deployment.revision;
  if (deployment.failure) detail["cause"] = to_string(deployment.failure->cause);
  return detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Result<model::Deployment> read_deployment(Database& database, std::string_view id) {
  Query query = database.query("SELECT " DEPLOYMENT_COLUMNS " FROM deployments WHERE id = ?");
  query.bind(id);
  TRY(const bool has_row, query.next());
  if (!has_row)
    return make_error(ErrorCode::NotFound, fmt::format("there is no deployment '{}'", id));
  return deployment_of(query);
}

Result<AcceptedDeployment> SqliteStore::accept_deployment(const NewDeployment& wanted) {
  return write([&]() -> Result<AcceptedDeployment> {
    TRY(auto repeated, repeated_request(wanted));
    if (repeated) return std::move(*repeated);
    TRY(model::AgentApp app, ensure_app(wanted.app_id, wanted.org));
    AcceptedDeployment accepted{.app = std::move(app), .deployment = {}, .package = {}};
    if (wanted.package) {
      if (wanted.refuse_existing_version)
        TRY_VOID(refuse_known_version(wanted.app_id, wanted.package->version));
      TRY(accepted.package, ensure_package(*wanted.package));
    }
    const UnixMillis now = clock_.unix_now();
    model::Deployment& deployment = accepted.deployment;
    deployment = {.id = wanted.id.empty() ? new_ulid(now) : wanted.id,
                  .app_id = wanted.app_id,
                  .kind = wanted.kind,
                  .package_url = wanted.package_url,
                  .expected_sha256 = wanted.expected_sha256,
                  .package_sha256 = wanted.package ? wanted.package->sha256 : std::string(),
                  .revision = wanted.revision,
                  .version = wanted.version,
                  .release_notes = wanted.release_notes,
                  .environment = wanted.environment,
                  .resources = wanted.resources,
                  .limits = wanted.limits,
                  .strategy = wanted.strategy,
                  .tag = wanted.tag,
                  .moves_traffic = wanted.moves_traffic,
                  .steps = model::new_deployment_steps(),
                  .failure = {},
                  .generation = 1,
                  .created_at = now,
                  .deadline = now + wanted.time_allowed.count()};
    if (deployment.revision != 0) TRY_VOID(adopt_revision(deployment));
    TRY_VOID(insert_deployment(deployment, wanted.org));
    if (!wanted.idempotency_key.empty())
      TRY_VOID(writer_
                   ->query("INSERT INTO idempotency_keys(org, key, request_digest, deployment_id,"
                           " created_at) VALUES (?, ?, ?, ?, ?)")
                   .bind(wanted.org)
                   .bind(wanted.idempotency_key)
                   .bind(wanted.request_digest)
                   .bind(deployment.id)
                   .bind(now)
                   .run());
    TRY_VOID(append_event(deployment.app_id, "deployment_accepted", event_detail(deployment)));
    return accepted;
  });
}

// A deployment of a revision that is there has nothing to import.
Result<void> SqliteStore::adopt_revision(model::Deployment& deployment) {
  Query query = writer_->query(
      "SELECT package_sha256, version FROM revisions WHERE app_id = ? AND number = ?");
  query.bind(deployment.app_id).bind(deployment.revision);
  TRY(const bool has_row, query.next());
  if (!has_row)
    return make_error(ErrorCode::NotFound, fmt::format("app '{}' has no revision {}",
                                                       deployment.app_id, deployment.revision));
  deployment.package_sha256 = query.text(0);
  deployment.version = query.text(1);
  return {};
}

Result<void> SqliteStore::insert_deployment(const model::Deployment& deployment,
                                            std::string_view org) {
  auto inserted = writer_
                      ->query("INSERT INTO deployments(org, changed_at, " DEPLOYMENT_COLUMNS
                              ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                              " ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                      .bind(org)
                      .bind(deployment.created_at)
                      .bind(deployment.id)
                      .bind(deployment.app_id)
                      .bind(to_string(deployment.state))
                      .bind(deployment.package_url)
                      .bind(deployment.expected_sha256)
                      .bind(deployment.package_sha256)
                      .bind(deployment.revision)
                      .bind(deployment.version)
                      .bind(deployment.release_notes)
                      .bind(environment_to_text(deployment.environment))
                      .bind(deployment.resources.memory_mb)
                      .bind(deployment.resources.cpu_units)
                      .bind(deployment.resources.max_pids)
                      .bind(steps_to_text(deployment.steps))
                      .bind(failure_to_text(deployment.failure))
                      .bind(deployment.generation)
                      .bind(deployment.created_at)
                      .bind(deployment.started_at)
                      .bind(deployment.completed_at)
                      .bind(deployment.deadline)
                      .bind(limits_to_text(deployment.limits))
                      .bind(to_string(deployment.kind))
                      .bind(strategy_to_text(deployment.strategy))
                      .bind(progress_to_text(deployment.rollout))
                      .bind(deployment.tag)
                      .bind(deployment.moves_traffic)
                      .run();
  if (inserted) return {};
  if (inserted.error().code == ErrorCode::AlreadyExists)
    inserted.error().message = fmt::format("deployment '{}' exists already", deployment.id);
  return std::move(inserted).error();
}

Result<model::Deployment> SqliteStore::deployment(std::string_view id) {
  std::lock_guard lock(read_mutex_);
  return read_deployment(*reader_, id);
}

Result<std::vector<model::Deployment>> SqliteStore::deployments(const DeploymentFilter& filter) {
  std::lock_guard lock(read_mutex_);
  // Two texts, so that the open ones are found by their partial index.
  Query query =
      filter.only_open
          ? reader_->query("SELECT " DEPLOYMENT_COLUMNS
                           " FROM deployments WHERE state IN ('queued', 'processing')"
                           " AND (?1 = '' OR app_id = ?1) ORDER BY rowid DESC LIMIT ?2")
          : reader_->query("SELECT " DEPLOYMENT_COLUMNS
                           " FROM deployments WHERE (?1 = '' OR app_id = ?1)"
                           " AND (?3 = '' OR state = ?3) AND (?4 = '' OR rowid < COALESCE("
                           "(SELECT rowid FROM deployments WHERE id = ?4),"
                           " (SELECT MIN(rowid) FROM deployments WHERE id > ?4),"
                           " 9223372036854775807))"
                           " ORDER BY rowid DESC LIMIT ?2");
  query.bind(filter.app_id).bind(std::int64_t(std::min(filter.limit, kMaxListedRows)));
  if (!filter.only_open)
    query.bind(filter.state ? to_string(*filter.state) : std::string_view()).bind(filter.before_id);
  std::vector<model::Deployment> deployments;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return deployments;
    TRY(model::Deployment deployment, deployment_of(query));
    deployments.push_back(std::move(deployment));
  }
}

Result<void> SqliteStore::write_deployment(const model::Deployment& changed, FencingToken token) {
  TRY(const std::int64_t rows,
      writer_
          ->query("UPDATE deployments SET state = ?, package_sha256 = ?, revision = ?,"
                  " version = ?, steps_json = ?, failure_json = ?, rollout_json = ?,"
                  " started_at = ?, completed_at = ?, changed_at = ?, generation = generation + 1, "
                  "fence = ?"
                  " WHERE id = ? AND generation = ? AND fence <= ?"
                  " AND state IN ('queued', 'processing')")
          .bind(to_string(changed.state))
          .bind(changed.package_sha256)
          .bind(changed.revision)
          .bind(changed.version)
          .bind(steps_to_text(changed.steps))
          .bind(failure_to_text(changed.failure))
          .bind(progress_to_text(changed.rollout))
          .bind(changed.started_at)
          .bind(changed.completed_at)
          .bind(clock_.unix_now())
          .bind(token)
          .bind(changed.id)
          .bind(changed.generation)
          .bind(token)
          .run());
  if (rows == 0) {
    TRY_VOID(read_deployment(*writer_, changed.id));
    return make_error(ErrorCode::Aborted,
                      fmt::format("deployment '{}' was changed meanwhile", changed.id));
  }
  return append_event(changed.app_id,
                      is_final(changed.state) ? "deployment_ended" : "deployment_changed",
                      event_detail(changed));
}

Result<model::Deployment> SqliteStore::update_deployment(const model::Deployment& changed,
                                                         FencingToken token) {
  return write(Durability::ProcessCrash, [&]() -> Result<model::Deployment> {
    TRY_VOID(write_deployment(changed, token));
    return read_deployment(*writer_, changed.id);
  });
}

Result<QueueStats> SqliteStore::queue_stats() {
  std::lock_guard lock(read_mutex_);
  QueueStats stats;
  {
    Query query =
        reader_->query("SELECT state, COUNT(*), MAX(changed_at) FROM deployments GROUP BY state");
    while (true) {
      TRY(const bool has_row, query.next());
      if (!has_row) break;
      const auto state = model::parse_deployment_state(query.text(0));
      const std::int64_t count = query.number(1);
      if (state == model::DeploymentState::Queued) stats.queued = count;
      if (state == model::DeploymentState::Processing) stats.processing = count;
      if (state == model::DeploymentState::Completed) stats.completed = count;
      if (state == model::DeploymentState::Failed || state == model::DeploymentState::RolledBack)
        stats.failed += count;
      if (state == model::DeploymentState::RolledBack) stats.rolled_back = count;
      stats.last_updated = std::max(stats.last_updated, query.number(2));
    }
  }
  Query query = reader_->query(
      "SELECT COALESCE(AVG(completed_at - created_at), 0) / 1000.0 FROM"
      " (SELECT completed_at, created_at FROM deployments WHERE state = 'completed'"
      "  ORDER BY completed_at DESC LIMIT 100)");
  TRY_VOID(query.next());
  stats.average_processing_seconds = query.real(0);
  return stats;
}

}  // namespace pixell::store
