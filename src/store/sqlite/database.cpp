#include "store/sqlite/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

#include "store/limits.hpp"

namespace pixell::store {

namespace {

constexpr std::int64_t kPageBytes = 4096;

}  // namespace

Query::Query(Database& database, std::string_view sql, sqlite3_stmt* statement, int prepare_code)
    : database_(&database), sql_(sql), statement_(statement), code_(prepare_code) {}

Query::Query(Query&& other) noexcept
    : database_(other.database_),
      sql_(other.sql_),
      statement_(std::exchange(other.statement_, nullptr)),
      code_(other.code_),
      bound_(other.bound_) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  auto& idle = database_->idle_;
  if (idle.size() < kMaxCachedStatements || idle.contains(sql_))
    idle[sql_].push_back(statement_);
  else
    sqlite3_finalize(statement_);
}

Query& Query::bind(std::string_view text) {
  // A null pointer would bind NULL; an empty view may have one.
  const char* data = text.data() == nullptr ? "" : text.data();
  if (code_ == SQLITE_OK)
    code_ =
        sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Query& Query::bind(std::int64_t number) {
  if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}

Result<bool> Query::next() {
  if (code_ != SQLITE_OK) return database_->error(code_, sql_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->error(code, sql_);
}

Result<std::int64_t> Query::run() {
  TRY(const bool has_row, next());
  (void)has_row;
  return sqlite3_changes64(database_->handle_);
}

std::string Query::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_, column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          std::size_t(sqlite3_column_bytes(statement_, column))};
}

std::int64_t Query::number(int column) const { return sqlite3_column_int64(statement_, column); }

double Query::real(int column) const { return sqlite3_column_double(statement_, column); }

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path,
                                                 int busy_timeout_ms, std::int64_t max_bytes) {
  sqlite3* handle = nullptr;
  // FULLMUTEX is not needed: each connection has one lock of ours.
  const int code = sqlite3_open_v2(
      path.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  std::unique_ptr<Database> database(new Database(handle, path.string()));
  if (code != SQLITE_OK) return database->error(code, "open");
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  TRY_VOID(database->execute(fmt::format(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
      "PRAGMA page_size={}; PRAGMA max_page_count={}; PRAGMA journal_size_limit=67108864;",
      kPageBytes, max_bytes / kPageBytes)));
  return database;
}

Database::~Database() {
  for (auto& [sql, statements] : idle_)
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Query Database::query(std::string_view sql) {
  if (auto found = idle_.find(sql); found != idle_.end() && !found->second.empty()) {
    sqlite3_stmt* statement = found->second.back();
    found->second.pop_back();
    return {*this, sql, statement, SQLITE_OK};
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), int(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  return {*this, sql, statement, code};
}

Result<void> Database::execute(const std::string& script) {
  const int code = sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code, script);
  return {};
}

Error Database::error(int code, std::string_view sql) const {
  Error wrong;
  wrong.detail = fmt::format("sqlite {} ({}): {}", code,
                             handle_ == nullptr ? "no handle" : sqlite3_errmsg(handle_), sql);
  switch (code & 0xff) {
    case SQLITE_FULL:
      wrong.code = ErrorCode::ResourceExhausted;
      wrong.message = fmt::format("the disk or the size limit of {} is full: free space", path_);
      wrong.retry = Retry::Later;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      wrong.code = ErrorCode::DataLoss;
      wrong.message = fmt::format("{} is damaged or is no database: restore a backup", path_);
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      wrong.code = ErrorCode::Unavailable;
      wrong.message = fmt::format("{} is locked by another process: end it, or try later", path_);
      wrong.retry = Retry::Later;
      break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      wrong.code = ErrorCode::FailedPrecondition;
      wrong.message = fmt::format("{} cannot be opened for writing: check owner and mode", path_);
      break;
    case SQLITE_CONSTRAINT:
      wrong.code = ErrorCode::AlreadyExists;
      wrong.message = "a row with this key exists already";
      break;
    case SQLITE_IOERR:
      wrong.code = ErrorCode::Unavailable;
      wrong.message = fmt::format("reading or writing {} failed: check the disk", path_);
      wrong.retry = Retry::Later;
      break;
    default:
      wrong.code = ErrorCode::Internal;
      wrong.message = fmt::format("the database {} refused a statement", path_);
  }
  return wrong;
}

Result<Transaction> Transaction::begin(Database& database) {
  // IMMEDIATE takes the write lock now, so that reads inside cannot become stale.
  TRY_VOID(database.query("BEGIN IMMEDIATE").run());
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // A failing ROLLBACK means SQLite rolled back by itself (disk full, I/O error).
  (void)database_->query("ROLLBACK").run();
}

Result<void> Transaction::commit() {
  TRY_VOID(database_->query("COMMIT").run());
  database_ = nullptr;
  return {};
}

}  // namespace pixell::store
