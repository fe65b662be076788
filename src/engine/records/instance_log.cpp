#include "engine/records/instance_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/crash_point.hpp"
#include "base/files.hpp"
#include "engine/log_piece.hpp"
#include "engine/records/limits.hpp"

namespace pixell::engine {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Bytes that tell whether a log is still the one that was copied.
constexpr std::int64_t kComparedBytes = 4096;

Result<std::int64_t> size_of(int fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return errno_error("cannot look at a log", errno);
  return std::int64_t(found.st_size);
}

// Up to `wanted` bytes from an offset; less at the end of the file.
Result<std::string> read_at(int fd, std::int64_t offset, std::int64_t wanted) {
  std::string text(std::size_t(std::max<std::int64_t>(wanted, 0)), '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t n =
        ::pread(fd, text.data() + got, text.size() - got, offset + static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("cannot read a log", errno);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return text;
}

// A log file that may be absent: size 0 and no descriptor then.
struct LogFile {
  UniqueFd fd{};
  std::int64_t size = 0;
};

Result<LogFile> open_to_read(const fs::path& path) {
  LogFile file{.fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW))};
  if (!file.fd && errno == ENOENT) return file;
  if (!file.fd) return errno_error(fmt::format("cannot read {}", path.string()), errno);
  TRY(file.size, size_of(file.fd.get()));
  return file;
}

// The offset of the first line that begins at or after `offset`; `offset` itself when none is near.
Result<std::int64_t> next_line(int fd, std::int64_t offset, std::int64_t size) {
  if (offset <= 0) return std::int64_t(0);
  TRY(const std::string text, read_at(fd, offset - 1, kMaxLogReplyBytes));
  const std::size_t newline = text.find('\n');
  const std::int64_t line = offset + std::int64_t(newline);
  return newline == std::string::npos || line >= size ? offset : line;
}

}  // namespace

Result<UniqueFd> InstanceLog::open() const {
  UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error(fmt::format("cannot open {}", path_.string()), errno);
  return fd;
}

Result<void> InstanceLog::record(std::int64_t start, std::int64_t moving) const {
  // Whoever writes the log does not survive a power cut either.
  return write_file_atomically(position_file(), json{{"start", start}, {"moving", moving}}.dump(),
                               0600, Durability::ProcessCrash);
}

Result<void> InstanceLog::recover() {
  const auto text = read_file(position_file());
  if (!text && text.error().code == ErrorCode::NotFound) return {};  // never rotated
  if (!text) return text.error();
  const json document = json::parse(*text, nullptr, false);
  const auto number = [&document](const char* name) {
    const auto found = document.is_object() ? document.find(name) : document.end();
    return found != document.end() && found->is_number_integer() ? found->get<std::int64_t>() : -1;
  };
  const std::int64_t moving = number("moving");
  start_ = number("start");
  if (start_ < 0 || moving < 0) {
    // The rest can still be read, from the oldest byte there is.
    TRY(const LogFile old, open_to_read(older()));
    start_ = old.size;
    return make_error(ErrorCode::DataLoss,
                      fmt::format("{} cannot be understood", position_file().string()));
  }
  if (moving == 0) return {};
  // The copy gets its name after the record: while it has not, <path>.1 is still the part before.
  if (::unlink(copy().c_str()) != 0) {
    TRY(const bool is_done, is_emptied(moving));
    if (is_done) start_ += moving;
    // Not emptied: <path>.1 only repeats what the log has.
    if (!is_done) ::unlink(older().c_str());
  }
  return record(start_, 0);
}

Result<bool> InstanceLog::is_emptied(std::int64_t moved) const {
  TRY(const LogFile log, open_to_read(path_));
  if (log.size < moved) return true;  // it shrinks by a rotation only
  TRY(const LogFile old, open_to_read(older()));
  const std::int64_t compared = std::min({old.size, moved, kComparedBytes});
  TRY(const std::string copied, read_at(old.fd.get(), old.size - compared, compared));
  TRY(const std::string present, read_at(log.fd.get(), moved - compared, compared));
  return copied != present;
}

Result<void> InstanceLog::make_copy(int log, std::int64_t size, std::size_t max_bytes) const {
  UniqueFd old(::open(copy().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!old) return errno_error(fmt::format("cannot open {}", copy().string()), errno);
  // A log that grew far over the limit within one tick must not fill the disk twice.
  TRY(std::int64_t from, next_line(log, size - 2 * std::int64_t(max_bytes), size));
  while (from < size) {
    off_t at = from;
    const ssize_t copied =
        ::sendfile(old.get(), log, &at, std::size_t(std::min<std::int64_t>(size - from, 1 << 20)));
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) {
      const Error error = errno_error(fmt::format("cannot copy {}", path_.string()), errno);
      ::unlink(copy().c_str());
      return error;
    }
    from += copied;
  }
  return {};
}

Result<bool> InstanceLog::rotate(std::size_t max_bytes) {
  UniqueFd log(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!log && errno == ENOENT) return false;
  if (!log) return errno_error(fmt::format("cannot open {}", path_.string()), errno);
  TRY(const std::int64_t size, size_of(log.get()));
  if (size <= std::int64_t(max_bytes)) return false;

  // par keeps its descriptor through a restart of the node, so the file must stay the same one:
  // copy, then empty it. O_APPEND makes writers go on at the new end.
  TRY_VOID(make_copy(log.get(), size, max_bytes));
  crash_point("node.rotation.copied");
  TRY_VOID(record(start_, size));
  crash_point("node.rotation.recorded");
  if (::rename(copy().c_str(), older().c_str()) != 0)
    return errno_error(fmt::format("cannot replace {}", older().string()), errno);
  crash_point("node.rotation.renamed");
  if (::ftruncate(log.get(), 0) != 0) {
    const Error error = errno_error(fmt::format("cannot empty {}", path_.string()), errno);
    ::unlink(older().c_str());  // it only repeats what the log still has
    return error;
  }
  start_ += size;
  crash_point("node.rotation.emptied");
  TRY_VOID(record(start_, 0));
  return true;
}

Result<LogPiece> InstanceLog::read(const LogRange& range, bool is_complete) const {
  TRY(const LogFile log, open_to_read(path_));
  TRY(const LogFile old, open_to_read(older()));
  const std::int64_t most = std::int64_t(std::min(range.max_bytes, std::size_t(kMaxLogReplyBytes)));
  const std::int64_t oldest = start_ - std::min(old.size, start_);
  const std::int64_t end = start_ + log.size;
  const bool is_tail = range.from < 0;
  LogPiece piece;
  piece.from = std::clamp(is_tail ? end - most : range.from, oldest, end);

  const std::int64_t until = std::min(piece.from + most, end);
  if (piece.from < start_) {
    TRY(piece.text, read_at(old.fd.get(), old.size - (start_ - piece.from),
                            std::min(until, start_) - piece.from));
  }
  if (until > start_) {
    const std::int64_t offset = std::max(piece.from - start_, std::int64_t(0));
    TRY(const std::string more, read_at(log.fd.get(), offset, until - start_ - offset));
    piece.text += more;
  }

  bool cuts_front = is_tail && piece.from > oldest && !piece.text.empty();
  if (cuts_front) {
    const std::int64_t before = piece.from - 1;
    TRY(const std::string byte, before >= start_
                                    ? read_at(log.fd.get(), before - start_, 1)
                                    : read_at(old.fd.get(), old.size - (start_ - before), 1));
    cuts_front = byte != "\n";
  }
  const bool reaches_end = piece.from + std::int64_t(piece.text.size()) >= end;
  keep_whole_lines(piece, {.front = cuts_front, .end = !(reaches_end && is_complete)});
  // The line that is being written comes when it is complete, unless it is all that fits.
  const bool is_unfinished = !piece.text.empty() && piece.text.back() != '\n';
  if (is_unfinished && reaches_end && !is_complete && std::int64_t(piece.text.size()) < most) {
    piece.text.clear();
    piece.next = piece.from;
  }
  return piece;
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

}  // namespace pixell::engine
