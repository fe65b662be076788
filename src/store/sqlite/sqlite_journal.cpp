#include <fmt/format.h>

#include "store/sqlite/sqlite_store_impl.hpp"

namespace pixell::store {

namespace {

Result<std::optional<Lease>> read_lease(Database& database, std::string_view name) {
  Query query = database.query("SELECT name, holder, token, expires_at FROM leases WHERE name = ?");
  query.bind(name);
  TRY(const bool has_row, query.next());
  if (!has_row) return std::optional<Lease>();
  return std::optional(Lease{.name = query.text(0),
                             .holder = query.text(1),
                             .token = query.number(2),
                             .expires_at = query.number(3)});
}

}  // namespace

Result<void> SqliteStore::begin_step(const StepRecord& step, FencingToken token) {
  return write(Durability::ProcessCrash, [&]() -> Result<void> {
    TRY(const std::int64_t rows,
        writer_
            ->query("INSERT INTO step_journal(key, app_id, deployment_id, kind, detail_json,"
                    " started_at, fence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                    " ON CONFLICT(key) DO UPDATE SET tries = tries + 1, started_at = ?6,"
                    " finished_at = 0, is_ok = 0, error = '', generation = generation + 1,"
                    " fence = ?7 WHERE fence <= ?7")
            .bind(step.key)
            .bind(step.app_id)
            .bind(step.deployment_id)
            .bind(step.kind)
            .bind(step.detail)
            .bind(clock_.unix_now())
            .bind(token)
            .run());
    if (rows != 0) return {};
    return make_error(ErrorCode::Aborted,
                      fmt::format("step '{}' belongs to a newer writer", step.key));
  });
}

Result<void> SqliteStore::finish_step(std::string_view key, const Error* failure,
                                      FencingToken token) {
  return write(Durability::ProcessCrash, [&]() -> Result<void> {
    TRY(const std::int64_t rows,
        writer_
            ->query("UPDATE step_journal SET finished_at = ?, is_ok = ?, error = ?,"
                    " generation = generation + 1, fence = ? WHERE key = ? AND fence <= ?")
            .bind(clock_.unix_now())
            .bind(failure == nullptr)
            .bind(failure == nullptr ? std::string_view() : std::string_view(failure->message))
            .bind(token)
            .bind(key)
            .bind(token)
            .run());
    if (rows == 0)
      return make_error(ErrorCode::Aborted, fmt::format("step '{}' is not ours to finish", key));
    TRY_VOID(writer_
                 ->query("DELETE FROM step_journal WHERE finished_at <> 0 AND rowid <="
                         " (SELECT MAX(rowid) FROM step_journal) - ?")
                 .bind(kMaxFinishedSteps)
                 .run());
    return {};
  });
}

Result<std::vector<StepRecord>> SqliteStore::open_steps() {
  std::lock_guard lock(read_mutex_);
  Query query = reader_->query(
      "SELECT key, app_id, deployment_id, kind, detail_json, started_at, tries FROM step_journal"
      " WHERE finished_at = 0 ORDER BY rowid LIMIT ?");
  query.bind(std::int64_t(kMaxListedRows));
  std::vector<StepRecord> steps;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return steps;
    steps.push_back({.key = query.text(0),
                     .app_id = query.text(1),
                     .deployment_id = query.text(2),
                     .kind = query.text(3),
                     .detail = query.text(4),
                     .started_at = query.number(5),
                     .error = {},
                     .tries = int(query.number(6))});
  }
}

Result<Lease> SqliteStore::acquire_lease(std::string_view name, std::string_view holder,
                                         Millis life, bool take_over) {
  return write(Durability::ProcessCrash, [&]() -> Result<Lease> {
    const UnixMillis now = clock_.unix_now();
    TRY(const auto known, read_lease(*writer_, name));
    const bool is_ours = known && known->holder == holder;
    if (known && !is_ours && !take_over && known->expires_at > now)
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("'{}' is held by {} for {} ms more", name, known->holder,
                                    known->expires_at - now));
    Lease lease{.name = std::string(name),
                .holder = std::string(holder),
                .token = (known ? known->token : 0) + (is_ours ? 0 : 1),
                .expires_at = now + life.count()};
    TRY_VOID(writer_
                 ->query("INSERT INTO leases(name, holder, token, expires_at)"
                         " VALUES (?1, ?2, ?3, ?4) ON CONFLICT(name) DO UPDATE SET"
                         " holder = ?2, token = ?3, expires_at = ?4")
                 .bind(lease.name)
                 .bind(lease.holder)
                 .bind(lease.token)
                 .bind(lease.expires_at)
                 .run());
    return lease;
  });
}

Result<Lease> SqliteStore::renew_lease(const Lease& lease, Millis life) {
  return write(Durability::ProcessCrash, [&]() -> Result<Lease> {
    Lease renewed = lease;
    renewed.expires_at = clock_.unix_now() + life.count();
    TRY(const std::int64_t rows,
        writer_
            ->query("UPDATE leases SET expires_at = ? WHERE name = ? AND holder = ? AND token = ?")
            .bind(renewed.expires_at)
            .bind(lease.name)
            .bind(lease.holder)
            .bind(lease.token)
            .run());
    if (rows == 0)
      return make_error(ErrorCode::Aborted,
                        fmt::format("the lease '{}' was taken by another", lease.name));
    return renewed;
  });
}

}  // namespace pixell::store
