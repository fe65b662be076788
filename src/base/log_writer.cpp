#include "base/log_writer.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/clock.hpp"

namespace pixell {

namespace {

bool is_regular_file(int fd) {
  struct stat found {};
  return ::fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

// How much of `text` goes into one write: whole lines, and not more than a pipe takes at once.
std::size_t piece_of(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text.size();
  const std::size_t end = text.rfind('\n', PIPE_BUF - 1);
  return end == std::string_view::npos ? PIPE_BUF : end + 1;
}

}  // namespace

LogWriter::LogWriter(int fd) : fd_(fd), is_file_(is_regular_file(fd)) {
  thread_ = std::thread([this] { work(); });
}

LogWriter::~LogWriter() { stop(); }

bool LogWriter::exchange(std::unique_ptr<LogBuffer>& buffer) {
  {
    std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMaxWaitingLogBuffers) return false;
    waiting_.push_back(std::move(buffer));
    if (!empty_.empty()) {
      buffer = std::move(empty_.back());
      empty_.pop_back();
    }
  }
  wake_.notify_one();
  // The array stays as it is: nothing reads what was not written.
  if (!buffer) buffer = std::make_unique_for_overwrite<LogBuffer>();
  buffer->used = 0;
  return true;
}

void LogWriter::take_last(std::unique_ptr<LogBuffer> buffer) {
  if (!thread_.joinable()) {
    write_out(*buffer);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(buffer));
  }
  wake_.notify_one();
}

void LogWriter::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LogWriter::work() {
  while (true) {
    std::unique_ptr<LogBuffer> buffer;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      buffer = std::move(waiting_.front());
    }
    const bool is_written = write_out(*buffer);
    std::lock_guard lock(mutex_);
    waiting_.pop_front();
    if (!is_written && is_stopping_) return;
    if (empty_.size() < kMaxSpareLogBuffers) empty_.push_back(std::move(buffer));
  }
}

bool LogWriter::write_out(const LogBuffer& buffer) {
  std::string_view rest(buffer.bytes.data(), buffer.used);
  while (!rest.empty()) {
    const std::size_t size = is_file_ ? rest.size() : piece_of(rest);
    if (!write_piece(rest.data(), size)) return false;
    rest.remove_prefix(size);
  }
  return true;
}

bool LogWriter::write_piece(const char* bytes, std::size_t size) {
  while (size > 0) {
    if (!is_file_ && !wait_for_room()) return false;
    const ssize_t written = ::write(fd_, bytes, size);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written <= 0) return false;  // nobody reads the log any more, or the disk is full
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

// Waits as long as it takes, but not on and on once we are to stop.
bool LogWriter::wait_for_room() {
  while (left_.count() > 0) {
    pollfd full{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (::poll(&full, 1, static_cast<int>(kLogPoll.count())) != 0) return true;
    std::lock_guard lock(mutex_);
    if (is_stopping_) left_ -= kLogPoll;
  }
  return false;
}

}  // namespace pixell
