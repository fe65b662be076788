#include "store/sqlite/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "store/limits.hpp"

namespace pixell::store {

namespace {

constexpr std::int64_t kPageBytes = 4096;

int remember_log_pages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<std::int64_t*>(pages) = count;
  return SQLITE_OK;
}

// Why the system refused. A commit that cannot write the log leaves that with the log's file only.
int errno_of(sqlite3* handle, int code) {
  if (code != SQLITE_IOERR_WRITE) return sqlite3_system_errno(handle);
  sqlite3_file* log = nullptr;
  int saved_errno = 0;
  if (sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
      log != nullptr && log->pMethods != nullptr)
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &saved_errno);
  return saved_errno != 0 ? saved_errno : sqlite3_system_errno(handle);
}

// The primary code; an I/O error whose reason has a better name gets that.
int kind_of(int code, int system_errno) {
  const int kind = code & 0xff;
  if (kind != SQLITE_IOERR && kind != SQLITE_CANTOPEN) return kind;
  if (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG) return SQLITE_FULL;
  if (system_errno == EROFS || system_errno == EACCES) return SQLITE_READONLY;
  return kind;
}

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
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
      "PRAGMA page_size={}; PRAGMA max_page_count={}; PRAGMA journal_size_limit=67108864;"
      "PRAGMA wal_autocheckpoint=0;",
      kPageBytes, max_bytes / kPageBytes)));
  // What cannot be written must not be found out by the first deployment.
  if (sqlite3_db_readonly(handle, "main") != 0) return database->error(SQLITE_READONLY, "open");
  sqlite3_wal_hook(handle, remember_log_pages, &database->log_pages_);
  database->is_open_ = true;
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
  const int system_errno = handle_ == nullptr ? 0 : errno_of(handle_, code);
  wrong.detail =
      fmt::format("sqlite {} ({}), errno {}: {}", code,
                  handle_ == nullptr ? "no handle" : sqlite3_errmsg(handle_), system_errno, sql);
  switch (kind_of(code, system_errno)) {
    case SQLITE_FULL:
      wrong.code = ErrorCode::ResourceExhausted;
      wrong.message = fmt::format("the disk or the size limit of {} is full: free space", path_);
      wrong.retry = Retry::Later;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      wrong.code = ErrorCode::DataLoss;
      wrong.message = fmt::format(
          "{} is damaged or is no database: stop `pac serve` and restore a backup", path_);
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
      // Once it is open this is the disk's state and not a wrong setting: it may pass.
      wrong.code = is_open_ ? ErrorCode::Unavailable : ErrorCode::PermissionDenied;
      wrong.retry = is_open_ ? Retry::Later : Retry::Never;
      wrong.message = fmt::format(
          "{} cannot be written: check owner and mode of the file and its directory, and whether "
          "the disk is mounted read-only",
          path_);
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

Result<CheckpointResult> Database::checkpoint(bool is_complete) {
  int log_pages = 0, copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(
      handle_, nullptr, is_complete ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
      &log_pages, &copied);
  if (code != SQLITE_OK) return error(code, "checkpoint");
  if (is_complete) log_pages_ = 0;
  return CheckpointResult{.log_pages = log_pages, .copied_pages = copied};
}

Result<void> Database::copy_to(const std::filesystem::path& path) {
  sqlite3* target = nullptr;
  int code = sqlite3_open_v2(
      path.c_str(), &target,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  const Database copy(target, path.string());  // closes it
  if (code != SQLITE_OK) return copy.error(code, "open");
  sqlite3_backup* backup = sqlite3_backup_init(target, "main", handle_, "main");
  if (backup == nullptr) return copy.error(sqlite3_errcode(target), "copy");
  // All pages in one step are one read transaction of the source: writers go on meanwhile.
  code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code == SQLITE_DONE) return {};
  // Which of the two files it was is not told; the source is the one that may be locked or damaged.
  const bool is_source = code == SQLITE_BUSY || code == SQLITE_LOCKED ||
                         (code & 0xff) == SQLITE_CORRUPT || code == SQLITE_NOTADB;
  return is_source ? error(code, "copy") : copy.error(code, "copy");
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
