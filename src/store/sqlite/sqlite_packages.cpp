#include <fmt/format.h>

#include "base/ids.hpp"
#include "store/columns.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

#define PACKAGE_COLUMNS \
  "sha256, id, app_id, name, version, size_bytes, manifest_json, created_at, source"

namespace pixell::store {

namespace {

model::Package package_of(const Query& row) {
  return {.sha256 = row.text(0),
          .id = row.text(1),
          .app_id = row.text(2),
          .name = row.text(3),
          .version = row.text(4),
          .size_bytes = row.number(5),
          .manifest_json = row.text(6),
          .source = row.text(8),
          .created_at = row.number(7)};
}

std::string event_detail(const model::Package& package) {
  return fmt::format(R"({{"package":"{}","sha256":"{}"}})", package.id, package.sha256);
}

}  // namespace

Result<model::Package> read_package(Database& database, std::string_view app_id,
                                    std::string_view sha256_or_id) {
  Query query = database.query("SELECT " PACKAGE_COLUMNS
                               " FROM packages WHERE app_id = ?1 AND (sha256 = ?2 OR id = ?2)");
  query.bind(app_id).bind(sha256_or_id);
  TRY(const bool has_row, query.next());
  if (!has_row)
    return make_error(ErrorCode::NotFound,
                      fmt::format("app '{}' has no package '{}'", app_id, sha256_or_id));
  return package_of(query);
}

Result<model::Package> SqliteStore::ensure_package(const model::Package& package) {
  auto known = read_package(*writer_, package.app_id, package.sha256);
  if (known || known.error().code != ErrorCode::NotFound) return known;
  model::Package added = package;
  added.created_at = clock_.unix_now();
  if (added.id.empty()) added.id = new_ulid(added.created_at);
  TRY_VOID(
      writer_->query("INSERT INTO packages(" PACKAGE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
          .bind(added.sha256)
          .bind(added.id)
          .bind(added.app_id)
          .bind(added.name)
          .bind(added.version)
          .bind(added.size_bytes)
          .bind(added.manifest_json)
          .bind(added.created_at)
          .bind(added.source)
          .run());
  TRY_VOID(append_event(added.app_id, "package_added", event_detail(added)));
  return added;
}

Result<void> SqliteStore::refuse_known_version(std::string_view app_id, std::string_view version) {
  TRY(const std::int64_t known,
      first_number(
          writer_->query("SELECT COUNT(*) FROM packages WHERE app_id = ?1 AND version = ?2")
              .bind(app_id)
              .bind(version)));
  if (known == 0) return {};
  return make_error(ErrorCode::AlreadyExists,
                    fmt::format("version {} of app '{}' already exists: raise the version, or "
                                "force the upload",
                                version, app_id));
}

Result<model::Package> SqliteStore::add_package(const model::Package& package,
                                                bool refuse_existing_version) {
  return write([&]() -> Result<model::Package> {
    TRY_VOID(ensure_app(package.app_id, "default"));
    auto known = read_package(*writer_, package.app_id, package.sha256);
    if (known || known.error().code != ErrorCode::NotFound) return known;
    if (refuse_existing_version) TRY_VOID(refuse_known_version(package.app_id, package.version));
    return ensure_package(package);
  });
}

Result<std::vector<model::Package>> SqliteStore::packages(const PackageFilter& filter) {
  std::lock_guard lock(read_mutex_);
  Query query = reader_->query("SELECT " PACKAGE_COLUMNS
                               " FROM packages WHERE app_id = ?1 AND (?2 = '' OR rowid < COALESCE("
                               "(SELECT rowid FROM packages WHERE id = ?2),"
                               " (SELECT MIN(rowid) FROM packages WHERE id > ?2),"
                               " 9223372036854775807))"
                               " ORDER BY rowid DESC LIMIT ?3");
  query.bind(filter.app_id)
      .bind(filter.before_id)
      .bind(std::int64_t(std::min(filter.limit, kMaxListedRows)));
  std::vector<model::Package> packages;
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return packages;
    packages.push_back(package_of(query));
  }
}

Result<model::Package> SqliteStore::package(std::string_view app_id,
                                            std::string_view sha256_or_id) {
  std::lock_guard lock(read_mutex_);
  return read_package(*reader_, app_id, sha256_or_id);
}

Result<bool> SqliteStore::remove_package(std::string_view app_id, std::string_view sha256_or_id) {
  return write([&]() -> Result<bool> {
    TRY(const model::Package package, read_package(*writer_, app_id, sha256_or_id));
    TRY(const std::int64_t revisions,
        first_number(
            writer_
                ->query("SELECT COUNT(*) FROM revisions WHERE app_id = ?1 AND package_sha256 = ?2")
                .bind(app_id)
                .bind(package.sha256)));
    TRY(const std::int64_t open,
        first_number(
            writer_
                ->query("SELECT COUNT(*) FROM deployments WHERE app_id = ?1 AND package_sha256 = ?2"
                        " AND state IN ('queued', 'processing')")
                .bind(app_id)
                .bind(package.sha256)));
    if (revisions + open > 0)
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("package '{}' of app '{}' is used by {} revisions and {} open "
                                    "deployments: remove those first",
                                    sha256_or_id, app_id, revisions, open));
    TRY_VOID(writer_->query("DELETE FROM packages WHERE id = ?").bind(package.id).run());
    TRY_VOID(append_event(app_id, "package_removed", event_detail(package)));
    TRY(const std::int64_t others,
        first_number(writer_->query("SELECT COUNT(*) FROM packages WHERE sha256 = ?1")
                         .bind(package.sha256)));
    return others == 0;
  });
}

}  // namespace pixell::store
