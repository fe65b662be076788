#include "engine/local/node/instance_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.hpp"

namespace pixell::engine::node {

namespace fs = std::filesystem;

namespace {

Result<std::size_t> size_of(int fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return errno_error("cannot look at a log", errno);
  return static_cast<std::size_t>(found.st_size);
}

// The last bytes of one file; "" when it is absent.
Result<std::string> file_tail(const fs::path& path, std::size_t max_bytes) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return std::string();
  if (!fd) return errno_error(fmt::format("cannot read {}", path.string()), errno);
  TRY(const std::size_t size, size_of(fd.get()));
  const std::size_t wanted = std::min(size, max_bytes);
  std::string text(wanted, '\0');
  std::size_t got = 0;
  while (got < wanted) {
    const ssize_t n =
        ::pread(fd.get(), text.data() + got, wanted - got, static_cast<off_t>(size - wanted + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(fmt::format("cannot read {}", path.string()), errno);
    if (n == 0) break;  // emptied meanwhile
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return text;
}

}  // namespace

Result<UniqueFd> open_log(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error(fmt::format("cannot open {}", path.string()), errno);
  return fd;
}

Result<bool> rotate_log(const fs::path& path, std::size_t max_bytes) {
  UniqueFd log(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!log && errno == ENOENT) return false;
  if (!log) return errno_error(fmt::format("cannot open {}", path.string()), errno);
  TRY(const std::size_t size, size_of(log.get()));
  if (size <= max_bytes) return false;

  // par keeps its descriptor through a restart of the node, so the file must stay the same one:
  // copy, then empty it. O_APPEND makes writers go on at the new end.
  const fs::path part = path.string() + ".1.part";
  UniqueFd old(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!old) return errno_error(fmt::format("cannot open {}", part.string()), errno);
  // A log that grew far over the limit within one tick must not fill the disk twice.
  off_t from = size > 2 * max_bytes ? static_cast<off_t>(size - 2 * max_bytes) : 0;
  while (true) {
    const ssize_t copied = ::sendfile(old.get(), log.get(), &from, 1024 * 1024);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0) {
      const Error error = errno_error(fmt::format("cannot copy {}", path.string()), errno);
      ::unlink(part.c_str());
      return error;
    }
    if (copied == 0) break;
  }
  if (::rename(part.c_str(), (path.string() + ".1").c_str()) != 0)
    return errno_error(fmt::format("cannot replace {}.1", path.string()), errno);
  if (::ftruncate(log.get(), 0) != 0)
    return errno_error(fmt::format("cannot empty {}", path.string()), errno);
  return true;
}

Result<std::string> log_tail(const fs::path& path, std::size_t max_bytes) {
  TRY(std::string text, file_tail(path, max_bytes));
  if (text.size() >= max_bytes) return text;
  TRY(std::string older, file_tail(path.string() + ".1", max_bytes - text.size()));
  return older + text;
}

std::vector<std::string> last_lines(const std::string& text, std::size_t max_lines) {
  std::vector<std::string> lines;
  std::size_t end = text.size();
  while (end > 0 && lines.size() < max_lines) {
    const std::size_t newline = text.rfind('\n', end - 1);
    const std::size_t start = newline == std::string::npos ? 0 : newline + 1;
    if (end > start) lines.push_back(text.substr(start, end - start));
    if (newline == std::string::npos) break;
    end = newline;
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace pixell::engine::node
