#include <fmt/format.h>

#include "base/ids.hpp"
#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

#define REVISION_COLUMNS                                                                  \
  "app_id, number, id, package_sha256, version, environment_json, memory_mb, cpu_units, " \
  "max_pids, created_at, cpu_milli, disk_mb, retired_at"

namespace pixell::store {

namespace {

Result<model::Revision> revision_of(const Query& row) {
  TRY(auto environment, environment_from_text(row.text(5)));
  return model::Revision{.app_id = row.text(0),
                         .number = row.number(1),
                         .id = row.text(2),
                         .package_sha256 = row.text(3),
                         .version = row.text(4),
                         .environment = std::move(environment),
                         .resources = {.memory_mb = row.number(6),
                                       .cpu_units = row.number(7),
                                       .max_pids = row.number(8),
                                       .cpu_milli = row.number(10),
                                       .disk_mb = row.number(11)},
                         .created_at = row.number(9),
                         .retired_at = row.number(12)};
}

}  // namespace

Result<RecordedRevision> SqliteStore::record_revision(const model::Deployment& changed,
                                                      const model::Package& package,
                                                      FencingToken token) {
  return write(Durability::ProcessCrash, [&]() -> Result<RecordedRevision> {
    TRY(const model::Package stored, ensure_package(package));
    RecordedRevision recorded{.deployment = changed, .revision = {}};
    model::Revision& revision = recorded.revision;
    {
      Query query =
          writer_->query("SELECT COALESCE(MAX(number), 0) + 1 FROM revisions WHERE app_id = ?");
      query.bind(changed.app_id);
      TRY_VOID(query.next());
      revision.number = query.number(0);
    }
    const UnixMillis now = clock_.unix_now();
    revision.app_id = changed.app_id;
    revision.id = new_ulid(now);
    revision.package_sha256 = stored.sha256;
    revision.version = changed.version.empty() ? package.version : changed.version;
    revision.environment = changed.environment;
    revision.resources = changed.resources;
    revision.created_at = now;
    TRY_VOID(writer_
                 ->query("INSERT INTO revisions(app_id, number, id, package_sha256, version,"
                         " environment_json, memory_mb, cpu_units, max_pids, created_at,"
                         " cpu_milli, disk_mb) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                 .bind(revision.app_id)
                 .bind(revision.number)
                 .bind(revision.id)
                 .bind(revision.package_sha256)
                 .bind(revision.version)
                 .bind(environment_to_text(revision.environment))
                 .bind(revision.resources.memory_mb)
                 .bind(revision.resources.cpu_units)
                 .bind(revision.resources.max_pids)
                 .bind(revision.created_at)
                 .bind(revision.resources.cpu_milli)
                 .bind(revision.resources.disk_mb)
                 .run());
    recorded.deployment.revision = revision.number;
    recorded.deployment.package_sha256 = stored.sha256;
    recorded.deployment.version = revision.version;
    TRY_VOID(write_deployment(recorded.deployment, token));
    TRY(recorded.deployment, read_deployment(*writer_, changed.id));
    return recorded;
  });
}

Result<std::vector<model::Revision>> SqliteStore::revisions(const RevisionFilter& filter) {
  std::lock_guard lock(read_mutex_);
  Query query =
      reader_->query("SELECT " REVISION_COLUMNS
                     " FROM revisions WHERE app_id = ? AND number < ? AND (? = 0 OR retired_at > 0)"
                     " ORDER BY number DESC LIMIT ?");
  query.bind(filter.app_id)
      .bind(filter.before_number)
      .bind(filter.only_retired)
      .bind(std::int64_t(std::min(filter.limit, kMaxListedRows)));
  std::vector<model::Revision> revisions;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return revisions;
    TRY(model::Revision revision, revision_of(query));
    revisions.push_back(std::move(revision));
  }
}

Result<model::Revision> SqliteStore::revision(std::string_view app_id, std::int64_t number) {
  std::lock_guard lock(read_mutex_);
  Query query =
      reader_->query("SELECT " REVISION_COLUMNS " FROM revisions WHERE app_id = ? AND number = ?");
  query.bind(app_id).bind(number);
  TRY(const bool has_row, query.next());
  if (!has_row)
    return make_error(ErrorCode::NotFound,
                      fmt::format("app '{}' has no revision {}", app_id, number));
  return revision_of(query);
}

Result<void> SqliteStore::remove_revision(std::string_view app_id, std::int64_t number) {
  return write([&]() -> Result<void> {
    TRY(const model::AgentApp app, read_app(*writer_, app_id));
    const auto refuse = [&](std::string_view why) {
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("revision {} of app '{}' {}", number, app.id, why));
    };
    if (model::refers_to(app.traffic, number))
      return refuse("has traffic or a tag: give them to another revision first");
    TRY(const std::int64_t open,
        first_number(
            writer_
                ->query("SELECT COUNT(*) FROM deployments WHERE app_id = ?1 AND revision = ?2"
                        " AND state IN ('queued', 'processing')")
                .bind(app.id)
                .bind(number)));
    if (open > 0) return refuse("is being rolled out: abort the rollout first");
    TRY(const std::int64_t rows,
        writer_->query("DELETE FROM revisions WHERE app_id = ? AND number = ?")
            .bind(app.id)
            .bind(number)
            .run());
    if (rows == 0)
      return make_error(ErrorCode::NotFound,
                        fmt::format("app '{}' has no revision {}", app.id, number));
    return append_event(app.id, "revision_removed", fmt::format(R"({{"revision":{}}})", number));
  });
}

}  // namespace pixell::store
