#include "store/sqlite/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/sqlite/sqlite_store_impl.hpp"

namespace pixell::store {

namespace {

// SQLite makes files by the umask; made here first, the file and its -wal and -shm are 0600.
Result<void> make_private_file(const std::filesystem::path& path) {
  TRY_VOID(make_directories(path.parent_path(), 0700));
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) {
    Error error = errno_error("open " + path.string(), errno);
    error.code = ErrorCode::FailedPrecondition;
    return error;
  }
  if (::fchmod(file.get(), 0600) != 0) return errno_error("chmod " + path.string(), errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> make_sqlite_store(const std::filesystem::path& path,
                                                 const Clock& clock, const SqliteOptions& options) {
  TRY_VOID(make_private_file(path));
  const int busy_ms = int(options.busy_timeout.count());
  TRY(auto writer, Database::open(path, busy_ms, options.max_bytes));
  TRY_VOID(migrate(*writer, clock.unix_now()));
  TRY(auto reader, Database::open(path, busy_ms, options.max_bytes));
  std::int64_t last = 0;
  {
    Query query = writer->query("SELECT COALESCE(MAX(sequence), 0) FROM events");
    TRY_VOID(query.next());
    last = query.number(0);
  }
  return std::make_unique<SqliteStore>(std::move(writer), std::move(reader), last, clock);
}

SqliteStore::SqliteStore(std::unique_ptr<Database> writer, std::unique_ptr<Database> reader,
                         std::int64_t last_sequence, const Clock& clock)
    : clock_(clock),
      writer_(std::move(writer)),
      reader_(std::move(reader)),
      last_sequence_(last_sequence) {}

Result<std::int64_t> first_number(Query& query) {
  TRY(const bool has_row, query.next());
  return has_row ? query.number(0) : 0;
}

}  // namespace pixell::store
