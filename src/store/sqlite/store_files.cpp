#include "store/sqlite/store_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "store/limits.hpp"
#include "store/sqlite/migrations.hpp"

namespace pixell::store {

namespace fs = std::filesystem;

namespace {

Error cannot_write(const fs::path& path, int saved_errno) {
  Error error = errno_error(fmt::format("cannot open {} for writing", path.string()), saved_errno);
  if (saved_errno == EROFS) error.code = ErrorCode::PermissionDenied;
  if (error.code == ErrorCode::PermissionDenied)
    error.message +=
        ": check owner and mode of the file and its directory, and whether the disk is mounted "
        "read-only";
  return error;
}

// SQLite makes files by the umask; made here first, the file and its -wal and -shm are 0600.
Result<void> make_private_file(const fs::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return cannot_write(path, errno);
  if (::fchmod(file.get(), 0600) != 0) return errno_error("chmod " + path.string(), errno);
  return {};
}

}  // namespace

Result<void> make_database_file(const fs::path& path, UnixMillis now) {
  if (const auto made = make_directories(path.parent_path(), 0700); !made) {
    Error error = made.error();
    error.message += ": choose a directory that this user may write to";
    return error;
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (info.st_size == 0)
      return make_error(ErrorCode::DataLoss,
                        fmt::format("{} is empty, which a database never is: restore a backup, or "
                                    "remove it to begin anew",
                                    path.string()));
    return make_private_file(path);
  }
  if (errno != ENOENT) return cannot_write(path, errno);
  const fs::path part = path.string() + ".new";
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((part.string() + suffix).c_str());
  TRY_VOID(make_private_file(part));
  {
    TRY(const auto database, Database::open(part, int(kBusyTimeout.count()), kMaxDatabaseBytes));
    TRY_VOID(migrate(*database, now));
    TRY_VOID(database->checkpoint(true));  // synced
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) return cannot_write(path, errno);
  return sync_directory(path.parent_path());
}

Result<void> check_pages(Database& database, const fs::path& path) {
  Query query = database.query("PRAGMA quick_check(1)");
  TRY_VOID(query.next());
  if (query.text(0) == "ok") return {};
  Error error = make_error(
      ErrorCode::DataLoss,
      fmt::format("{} is damaged: stop `pac serve` and restore a backup", path.string()));
  error.detail = query.text(0);
  return error;
}

Result<NamedFile> NamedFile::find(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return errno_error(fmt::format("cannot find {}", path.string()), errno);
  NamedFile file;
  file.path_ = path;
  file.device_ = info.st_dev;
  file.inode_ = info.st_ino;
  return file;
}

Result<void> NamedFile::verify() const {
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_)
    return {};
  return make_error(ErrorCode::DataLoss,
                    fmt::format("{} was removed or replaced while it was used: stop `pac serve`, "
                                "put the right file there and start it again",
                                path_.string()));
}

}  // namespace pixell::store
