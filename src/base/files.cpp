#include "base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/clock.hpp"
#include "base/limits.hpp"

namespace pixell {

namespace fs = std::filesystem;

Result<std::string> read_file(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(fmt::format("cannot read {}", path.string()), errno);
  std::string content;
  char chunk[16 * 1024];
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(fmt::format("cannot read {}", path.string()), errno);
    if (got == 0) return content;
    content.append(chunk, static_cast<std::size_t>(got));
    if (content.size() > kMaxSmallFileBytes)
      return make_error(
          ErrorCode::ResourceExhausted,
          fmt::format("{} is larger than {} bytes", path.string(), kMaxSmallFileBytes));
  }
}

Result<void> write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error("cannot write", errno);
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> sync_directory(const fs::path& directory) {
  UniqueFd fd(
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0)
    return errno_error(fmt::format("cannot sync {}", directory.string()), errno);
  return {};
}

namespace {

Result<void> write_part(const fs::path& path, std::string_view content, unsigned mode,
                        Durability durability) {
  // A part left by a crash, or a link planted in its place, must not be written through.
  ::unlink(path.c_str());
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return errno_error(fmt::format("cannot create {}", path.string()), errno);
  if (auto done = write_all(fd.get(), content); !done) return done;
  if (durability == Durability::PowerCut && ::fsync(fd.get()) != 0)
    return errno_error(fmt::format("cannot sync {}", path.string()), errno);
  return {};
}

}  // namespace

Result<void> write_file_atomically(const fs::path& path, std::string_view content, unsigned mode,
                                   Durability durability) {
  // Threads of one process may write the same file: the thread id keeps their parts apart.
  const fs::path part = path.string() + fmt::format(".{}.part", ::gettid());
  if (auto done = write_part(part, content, mode, durability); !done) {
    ::unlink(part.c_str());
    return done;
  }
  if (::rename(part.c_str(), path.c_str()) != 0) {
    const Error error = errno_error(fmt::format("cannot replace {}", path.string()), errno);
    ::unlink(part.c_str());
    return error;
  }
  if (durability == Durability::ProcessCrash) return {};
  return sync_directory(path.parent_path());
}

Result<void> make_directories(const fs::path& path, unsigned mode) {
  std::error_code failed;
  if (fs::is_directory(path, failed)) return {};
  // "a/b/" has the parent "a/b": without the slash, so that the last one gets its mode.
  const fs::path last = path.has_filename() ? path : path.parent_path();
  if (last.has_parent_path()) {
    fs::create_directories(last.parent_path(), failed);
    if (failed)
      return errno_error(fmt::format("cannot make {}", last.parent_path().string()),
                         failed.value());
  }
  if (::mkdir(last.c_str(), mode) == 0) return {};
  const int mkdir_errno = errno;
  // Another process may have made it meanwhile; anything else of that name is in the way.
  if (mkdir_errno == EEXIST && fs::is_directory(last, failed)) return {};
  return errno_error(fmt::format("cannot make {}", last.string()), mkdir_errno);
}

Result<UniqueFd> lock_file(const fs::path& path, int timeout_ms) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return errno_error(fmt::format("cannot open lock {}", path.string()), errno);
  const Instant deadline = system_clock().now() + Millis(timeout_ms);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return errno_error(fmt::format("cannot lock {}", path.string()), errno);
    if (system_clock().now() >= deadline)
      return make_error(
          ErrorCode::DeadlineExceeded,
          fmt::format("{} stayed locked by another process for {} ms", path.string(), timeout_ms));
    ::poll(nullptr, 0, 20);  // flock cannot be waited for with a deadline
  }
  return fd;
}

Result<void> set_inherited(int fd, bool is_inherited) {
  const int flags = ::fcntl(fd, F_GETFD);
  if (flags < 0 ||
      ::fcntl(fd, F_SETFD, is_inherited ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC) < 0)
    return errno_error("cannot change close-on-exec", errno);
  return {};
}

Result<void> set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    return errno_error("cannot make a descriptor non-blocking", errno);
  return {};
}

}  // namespace pixell
