#include "store/sqlite/sqlite_store.hpp"

#include <fmt/format.h>

#include <utility>

#include "store/sqlite/migrations.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"
#include "store/sqlite/store_files.hpp"

namespace pixell::store {

namespace {

// Failures that say something about the file or the disk; the rest is about what was asked.
bool is_trouble(const Error& error) {
  switch (error.code) {
    case ErrorCode::ResourceExhausted:
    case ErrorCode::DataLoss:
    case ErrorCode::Unavailable:
    case ErrorCode::PermissionDenied:
    case ErrorCode::Internal:
      return true;
    default:
      return false;
  }
}

Result<std::int64_t> read_last_sequence(Database& database) {
  Query query = database.query("SELECT COALESCE(MAX(sequence), 0) FROM events");
  TRY_VOID(query.next());
  return query.number(0);
}

}  // namespace

Result<std::unique_ptr<Store>> make_sqlite_store(const std::filesystem::path& path,
                                                 const Clock& clock, const SqliteOptions& options) {
  TRY_VOID(make_database_file(path, clock.unix_now()));
  const auto open = [&] {
    return Database::open(path, int(options.busy_timeout.count()), options.max_bytes);
  };
  TRY(auto writer, open());
  std::error_code failed;  // then SQLite says why
  if (std::filesystem::file_size(path, failed) <= kMaxCheckedBytes)
    TRY_VOID(check_pages(*writer, path));
  TRY_VOID(migrate(*writer, clock.unix_now()));
  TRY(auto reader, open());
  TRY(auto checkpointing, open());
  TRY(const std::int64_t last, read_last_sequence(*writer));
  TRY(NamedFile file, NamedFile::find(path));
  TRY(LogFile log, LogFile::open(path));
  return std::make_unique<SqliteStore>(SqliteParts{.writer = std::move(writer),
                                                   .reader = std::move(reader),
                                                   .checkpointing = std::move(checkpointing),
                                                   .file = std::move(file),
                                                   .log = std::move(log),
                                                   .last_sequence = last,
                                                   .patience = options.busy_timeout},
                                       clock);
}

SqliteStore::SqliteStore(SqliteParts parts, const Clock& clock)
    : clock_(clock),
      file_(std::move(parts.file)),
      log_(std::move(parts.log)),
      patience_(parts.patience),
      writer_(std::move(parts.writer)),
      reader_(std::move(parts.reader)),
      last_sequence_(parts.last_sequence),
      log_sync_([this] { return sync_log(); }),
      checkpointer_(std::move(parts.checkpointing), [this](const Error* failure) {
        if (failure != nullptr) note_trouble(*failure);
      }) {}

Error SqliteStore::too_many_writers() const {
  Error error = make_error(
      ErrorCode::Unavailable,
      fmt::format("{} was busy with earlier writes or locked by another process for {} ms: try "
                  "later, end that process, or check the disk",
                  file_.path().string(), patience_.count()));
  error.retry = Retry::Later;
  return error;
}

Result<void> SqliteStore::sync_log() {
  // After a sync that failed the kernel may take for clean what never reached the disk. Copied to
  // the database file, which is synced, it is safe again.
  if (is_log_suspect_) {
    std::lock_guard lock(write_mutex_);
    TRY_VOID(writer_->checkpoint(true));
    is_log_suspect_ = false;
  }
  auto synced = log_.sync();
  is_log_suspect_ = !synced;
  return synced;
}

void SqliteStore::note_trouble(const Error& error) {
  if (!is_trouble(error)) return;
  std::lock_guard lock(trouble_mutex_);
  trouble_ = error;
}

void SqliteStore::note_success(Durability durability) {
  // A commit alone does not show that the log reaches the disk.
  if (durability == Durability::ProcessCrash && is_log_suspect_) return;
  std::lock_guard lock(trouble_mutex_);
  trouble_.reset();
}

Result<void> SqliteStore::check() {
  TRY_VOID(file_.verify());
  TRY_VOID(log_.verify());
  {
    std::lock_guard lock(read_mutex_);
    TRY_VOID(read_last_sequence(*reader_));
  }
  {
    std::lock_guard lock(trouble_mutex_);
    if (!trouble_) return {};
  }
  // It may have passed. A row that comes and goes is written; one that stays the same is not.
  return write(Durability::PowerCut, [&]() -> Result<void> {
    TRY_VOID(writer_->query("INSERT INTO counters(name, value) VALUES ('check', 0)").run());
    TRY_VOID(writer_->query("DELETE FROM counters WHERE name = 'check'").run());
    return {};
  });
}

Result<std::int64_t> first_number(Query& query) {
  TRY(const bool has_row, query.next());
  return has_row ? query.number(0) : 0;
}

}  // namespace pixell::store
