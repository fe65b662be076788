#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

#define INSTANCE_COLUMNS                                                         \
  "id, app_id, revision, phase, address, pid, boot_phase, restarts, exit_code, " \
  "exit_signal, boot_report_json, started_at, changed_at"

namespace pixell::store {

namespace {

Result<model::Instance> instance_of(const Query& row) {
  const auto phase = model::parse_instance_phase(row.text(3));
  if (!phase) return make_error(ErrorCode::DataLoss, "a stored instance has an unknown phase");
  TRY(auto report, boot_report_from_text(row.text(10)));
  return model::Instance{.id = row.text(0),
                         .app_id = row.text(1),
                         .revision = row.number(2),
                         .phase = *phase,
                         .address = row.text(4),
                         .pid = row.number(5),
                         .boot_phase = row.text(6),
                         .restarts = int(row.number(7)),
                         .exit_code = int(row.number(8)),
                         .exit_signal = int(row.number(9)),
                         .boot_report = std::move(report),
                         .started_at = row.number(11),
                         .changed_at = row.number(12)};
}

std::string event_detail(const model::Instance& instance) {
  return nlohmann::json({{"instance", instance.id},
                         {"revision", instance.revision},
                         {"phase", to_string(instance.phase)}})
      .dump();
}

bool says_the_same(const model::Instance& a, const model::Instance& b,
                   const std::string& report_text) {
  return a.phase == b.phase && a.address == b.address && a.pid == b.pid &&
         a.boot_phase == b.boot_phase && a.restarts == b.restarts && a.exit_code == b.exit_code &&
         a.exit_signal == b.exit_signal && a.started_at == b.started_at &&
         boot_report_to_text(a.boot_report) == report_text;
}

Result<std::optional<model::Instance>> find_instance(Database& database, std::string_view id) {
  Query query = database.query("SELECT " INSTANCE_COLUMNS " FROM instances WHERE id = ?");
  query.bind(id);
  TRY(const bool has_row, query.next());
  if (!has_row) return std::optional<model::Instance>();
  TRY(model::Instance instance, instance_of(query));
  return std::optional(std::move(instance));
}

}  // namespace

Result<std::vector<model::Instance>> SqliteStore::instances(const InstanceFilter& filter) {
  std::lock_guard lock(read_mutex_);
  Query query = reader_->query("SELECT " INSTANCE_COLUMNS
                               " FROM instances WHERE (?1 = '' OR app_id = ?1)"
                               " AND (?2 = 0 OR revision = ?2) AND (?3 = '' OR phase = ?3)"
                               " AND (?4 = '' OR rowid > COALESCE("
                               "(SELECT rowid FROM instances WHERE id = ?4),"
                               " (SELECT MAX(rowid) FROM instances WHERE id < ?4), 0))"
                               " ORDER BY rowid LIMIT ?5");
  query.bind(filter.app_id)
      .bind(filter.revision)
      .bind(filter.phase ? to_string(*filter.phase) : std::string_view())
      .bind(filter.after_id)
      .bind(std::int64_t(std::min(filter.limit, kMaxListedRows)));
  std::vector<model::Instance> instances;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return instances;
    TRY(model::Instance instance, instance_of(query));
    instances.push_back(std::move(instance));
  }
}

Result<model::Instance> SqliteStore::instance(std::string_view id) {
  std::lock_guard lock(read_mutex_);
  TRY(auto found, find_instance(*reader_, id));
  if (!found) return make_error(ErrorCode::NotFound, fmt::format("there is no instance '{}'", id));
  return std::move(*found);
}

Result<void> SqliteStore::put_instance(const model::Instance& instance, FencingToken token) {
  return write(Durability::ProcessCrash, [&]() -> Result<void> {
    const std::string report = boot_report_to_text(instance.boot_report);
    TRY(const auto known, find_instance(*writer_, instance.id));
    if (known && says_the_same(*known, instance, report)) return {};
    TRY(const std::int64_t rows,
        writer_
            ->query("INSERT INTO instances(" INSTANCE_COLUMNS
                    ", fence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
                    " ON CONFLICT(id) DO UPDATE SET phase = ?4, address = ?5, pid = ?6,"
                    " boot_phase = ?7, restarts = ?8, exit_code = ?9, exit_signal = ?10,"
                    " boot_report_json = ?11, started_at = ?12, changed_at = ?13,"
                    " generation = generation + 1, fence = ?14 WHERE fence <= ?14")
            .bind(instance.id)
            .bind(instance.app_id)
            .bind(instance.revision)
            .bind(to_string(instance.phase))
            .bind(instance.address)
            .bind(instance.pid)
            .bind(instance.boot_phase)
            .bind(instance.restarts)
            .bind(instance.exit_code)
            .bind(instance.exit_signal)
            .bind(report)
            .bind(instance.started_at)
            .bind(instance.changed_at == 0 ? clock_.unix_now() : instance.changed_at)
            .bind(token)
            .run());
    if (rows == 0)
      return make_error(ErrorCode::Aborted,
                        fmt::format("instance '{}' belongs to a newer writer", instance.id));
    return append_event(instance.app_id, "instance_changed", event_detail(instance));
  });
}

Result<void> SqliteStore::remove_instance(std::string_view id, FencingToken token) {
  return write(Durability::ProcessCrash, [&]() -> Result<void> {
    TRY(const auto known, find_instance(*writer_, id));
    if (!known) return {};
    TRY(const std::int64_t rows, writer_->query("DELETE FROM instances WHERE id = ? AND fence <= ?")
                                     .bind(id)
                                     .bind(token)
                                     .run());
    if (rows == 0)
      return make_error(ErrorCode::Aborted,
                        fmt::format("instance '{}' belongs to a newer writer", id));
    return append_event(known->app_id, "instance_removed", event_detail(*known));
  });
}

}  // namespace pixell::store
