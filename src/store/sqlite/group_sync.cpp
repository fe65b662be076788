#include "store/sqlite/group_sync.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace pixell::store {

Result<void> GroupSync::wait() {
  std::unique_lock lock(mutex_);
  // One that runs now may have begun before the caller's last write.
  const std::uint64_t wanted = begun_ + 1;
  while (done_ < wanted) {
    if (is_running_) {
      ended_.wait(lock);
      continue;
    }
    is_running_ = true;
    const std::uint64_t number = ++begun_;
    lock.unlock();
    auto outcome = sync_();
    lock.lock();
    is_running_ = false;
    done_ = number;
    outcome_ = std::move(outcome);
    ended_.notify_all();
  }
  return outcome_;
}

Result<LogFile> LogFile::open(const std::filesystem::path& database) {
  std::filesystem::path path = database.string() + "-wal";
  // Unlike those on the database file, SQLite's locks do not depend on descriptors of the log.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(fmt::format("cannot open {}", path.string()), errno);
  return LogFile(std::move(path), std::move(fd));
}

Result<void> LogFile::sync() const {
  if (::fdatasync(fd_.get()) != 0) {
    Error error = errno_error(fmt::format("cannot sync {}", path_.string()), errno);
    error.code = ErrorCode::Unavailable;
    error.message += ": check the disk";
    error.retry = Retry::Later;
    return error;
  }
  return verify();
}

Result<void> LogFile::verify() const {
  struct stat held {};
  struct stat named {};
  if (::fstat(fd_.get(), &held) == 0 && ::stat(path_.c_str(), &named) == 0 &&
      held.st_ino == named.st_ino && held.st_dev == named.st_dev)
    return {};
  return make_error(ErrorCode::DataLoss,
                    fmt::format("{} was removed while it was used: stop `pac serve`, which saves "
                                "what it held, and start it again",
                                path_.string()));
}

}  // namespace pixell::store
