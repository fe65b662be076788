#include <fmt/format.h>

#include "base/ids.hpp"
#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

#define APP_COLUMNS "id, org, short_id, generation, desired_revision, created_at"
#define REVISION_COLUMNS                                                                  \
  "app_id, number, id, package_sha256, version, environment_json, memory_mb, cpu_units, " \
  "max_pids, created_at, cpu_milli, disk_mb"

namespace pixell::store {

namespace {

constexpr int kShortIdTries = 16;

model::AgentApp app_of(const Query& row) {
  return {.id = row.text(0),
          .org = row.text(1),
          .short_id = row.text(2),
          .generation = row.number(3),
          .desired_revision = row.number(4),
          .created_at = row.number(5)};
}

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
                         .created_at = row.number(9)};
}

}  // namespace

Result<model::AgentApp> read_app(Database& database, std::string_view id) {
  // A full id wins over a short id of the same text.
  Query query = database.query("SELECT " APP_COLUMNS
                               " FROM agent_apps WHERE id = ?1 OR short_id = ?1"
                               " ORDER BY id = ?1 DESC LIMIT 1");
  query.bind(id);
  TRY(const bool has_row, query.next());
  if (!has_row)
    return make_error(ErrorCode::NotFound, fmt::format("there is no agent app '{}'", id));
  return app_of(query);
}

Result<model::Package> read_package(Database& database, std::string_view app_id,
                                    std::string_view sha256) {
  Query query = database.query(
      "SELECT sha256, id, app_id, name, version, size_bytes, manifest_json, created_at"
      " FROM packages WHERE app_id = ? AND sha256 = ?");
  query.bind(app_id).bind(sha256);
  TRY(const bool has_row, query.next());
  if (!has_row)
    return make_error(ErrorCode::NotFound,
                      fmt::format("app '{}' has no package {}", app_id, sha256));
  return model::Package{.sha256 = query.text(0),
                        .id = query.text(1),
                        .app_id = query.text(2),
                        .name = query.text(3),
                        .version = query.text(4),
                        .size_bytes = query.number(5),
                        .manifest_json = query.text(6),
                        .created_at = query.number(7)};
}

Result<model::AgentApp> SqliteStore::ensure_app(const NewDeployment& wanted) {
  auto found = read_app(*writer_, wanted.app_id);
  if (found && found->id == wanted.app_id) return found;
  if (!found && found.error().code != ErrorCode::NotFound) return found;
  // The new id must not be the short id of another app, nor its short id another app's id.
  if (found)
    return make_error(ErrorCode::AlreadyExists,
                      fmt::format("'{}' is the short id of app '{}': choose another agentAppId",
                                  wanted.app_id, found->id));
  model::AgentApp app{.id = wanted.app_id,
                      .org = wanted.org,
                      .short_id = {},
                      .generation = 1,
                      .created_at = clock_.unix_now()};
  for (int i = 0; i < kShortIdTries && app.short_id.empty(); ++i) {
    std::string candidate = new_short_id();
    const auto taken = read_app(*writer_, candidate);
    if (!taken && taken.error().code == ErrorCode::NotFound && candidate != app.id)
      app.short_id = std::move(candidate);
  }
  if (app.short_id.empty())
    return make_error(ErrorCode::Internal, "no free short id was found; try again");
  TRY_VOID(writer_
               ->query("INSERT INTO agent_apps(id, org, short_id, generation, created_at)"
                       " VALUES (?, ?, ?, ?, ?)")
               .bind(app.id)
               .bind(app.org)
               .bind(app.short_id)
               .bind(app.generation)
               .bind(app.created_at)
               .run());
  TRY_VOID(
      append_event(app.id, "app_created", fmt::format(R"({{"short_id":"{}"}})", app.short_id)));
  return app;
}

Result<model::Package> SqliteStore::ensure_package(const model::Package& package) {
  auto known = read_package(*writer_, package.app_id, package.sha256);
  if (known || known.error().code != ErrorCode::NotFound) return known;
  model::Package added = package;
  added.created_at = clock_.unix_now();
  if (added.id.empty()) added.id = new_ulid(added.created_at);
  TRY_VOID(writer_
               ->query("INSERT INTO packages(id, app_id, sha256, name, version, size_bytes,"
                       " manifest_json, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
               .bind(added.id)
               .bind(added.app_id)
               .bind(added.sha256)
               .bind(added.name)
               .bind(added.version)
               .bind(added.size_bytes)
               .bind(added.manifest_json)
               .bind(added.created_at)
               .run());
  return added;
}

Result<std::vector<model::AgentApp>> SqliteStore::apps() {
  std::lock_guard lock(read_mutex_);
  Query query = reader_->query("SELECT " APP_COLUMNS " FROM agent_apps ORDER BY id LIMIT ?");
  query.bind(std::int64_t(kMaxListedRows));
  std::vector<model::AgentApp> apps;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return apps;
    apps.push_back(app_of(query));
  }
}

Result<model::AgentApp> SqliteStore::app(std::string_view id) {
  std::lock_guard lock(read_mutex_);
  return read_app(*reader_, id);
}

Result<std::vector<model::Revision>> SqliteStore::revisions(std::string_view app_id,
                                                            std::size_t limit) {
  std::lock_guard lock(read_mutex_);
  Query query = reader_->query("SELECT " REVISION_COLUMNS
                               " FROM revisions WHERE app_id = ? ORDER BY number DESC LIMIT ?");
  query.bind(app_id).bind(std::int64_t(std::min(limit, kMaxListedRows)));
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

Result<model::Package> SqliteStore::package(std::string_view app_id, std::string_view sha256) {
  std::lock_guard lock(read_mutex_);
  return read_package(*reader_, app_id, sha256);
}

}  // namespace pixell::store
