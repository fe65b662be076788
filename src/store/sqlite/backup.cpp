#include "store/sqlite/backup.hpp"

#include <fmt/format.h>

#include "store/limits.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/migrations.hpp"

namespace pixell::store {

namespace {

namespace fs = std::filesystem;

Result<std::unique_ptr<Database>> open_existing(const fs::path& path) {
  std::error_code failed;  // then it is no file either
  if (!fs::is_regular_file(path, failed))
    return make_error(ErrorCode::NotFound, fmt::format("there is no database {}", path.string()));
  return Database::open(path, int(kBusyTimeout.count()), kMaxDatabaseBytes);
}

// The first row's text of a check, which is `good` when all is well.
Result<void> expect_answer(Query query, std::string_view good, const fs::path& path) {
  TRY(const bool has_row, query.next());
  const std::string answer = has_row ? query.text(0) : std::string();
  if (answer == good) return {};
  Error error =
      make_error(ErrorCode::DataLoss, fmt::format("{} is damaged: {}", path.string(), answer));
  error.detail = answer;
  return error;
}

Result<DatabaseFacts> read_facts(Database& database, const fs::path& path) {
  DatabaseFacts facts;
  TRY(facts.schema_version, read_schema_version(database));
  if (facts.schema_version == 0)
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("{} is not a database of Pixell", path.string()));
  if (facts.schema_version > newest_schema_version())
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("{} has schema version {}, this program knows {}: use the newer "
                                  "program",
                                  path.string(), facts.schema_version, newest_schema_version()));
  Query query = database.query("SELECT DISTINCT sha256 FROM packages ORDER BY sha256");
  while (true) {
    TRY(const bool has_row, query.next());
    if (!has_row) return facts;
    facts.packages.push_back(query.text(0));
  }
}

}  // namespace

Result<DatabaseFacts> copy_database(const fs::path& from, const fs::path& to) {
  {
    TRY(const auto database, open_existing(from));
    TRY_VOID(database->copy_to(to));
  }
  return check_database(to);
}

Result<DatabaseFacts> check_database(const fs::path& path) {
  TRY(const auto database, open_existing(path));
  TRY_VOID(expect_answer(database->query("PRAGMA integrity_check(1)"), "ok", path));
  TRY_VOID(expect_answer(database->query("PRAGMA foreign_key_check"), "", path));
  return read_facts(*database, path);
}

Result<void> fold_log(const fs::path& path) {
  TRY(const auto database, open_existing(path));
  TRY(const CheckpointResult done, database->checkpoint(true));
  (void)done;
  return {};
}

}  // namespace pixell::store
