#include "par/line_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.hpp"

namespace pixell::par {

namespace {

constexpr std::size_t kBytesPerTurn = 4 * net::EventLoop::kScratchBytes;

}  // namespace

LineReader::LineReader(net::EventLoop& loop, UniqueFd fd, std::size_t max_line_bytes,
                       OnLine on_line)
    : loop_(loop),
      fd_(std::move(fd)),
      max_line_bytes_(max_line_bytes),
      on_line_(std::move(on_line)) {}

LineReader::~LineReader() { close(); }

Result<void> LineReader::start() {
  TRY_VOID(set_nonblocking(fd_.get()));
  return loop_.add(fd_.get(), *this);
}

void LineReader::on_ready(std::uint32_t) {
  if (read_some(kBytesPerTurn)) more_ = loop_.after(Millis(0), [this] { on_ready(0); });
}

// No more than the pipe holds: whoever has inherited its other end may write for ever.
void LineReader::read_rest() {
  if (fd_) {
    const int held = ::fcntl(fd_.get(), F_GETPIPE_SZ);
    read_some(held > 0 ? static_cast<std::size_t>(held) : kBytesPerTurn);
  }
  if (!line_.empty()) on_line_(line_);
  line_.clear();
  close();
}

bool LineReader::read_some(std::size_t most) {
  std::size_t taken = 0;
  while (fd_ && taken < most) {
    const ssize_t got = ::read(fd_.get(), loop_.scratch(), net::EventLoop::kScratchBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) {
      close();
      return false;
    }
    taken += static_cast<std::size_t>(got);
    take({loop_.scratch(), static_cast<std::size_t>(got)});
  }
  return static_cast<bool>(fd_);
}

void LineReader::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t room = max_line_bytes_ - line_.size();
    if (std::min(end, bytes.size()) > room) {
      line_ += bytes.substr(0, room);
      bytes.remove_prefix(room);
    } else if (end == std::string_view::npos) {
      line_ += bytes;
      return;
    } else {
      line_ += bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      if (line_.ends_with('\r')) line_.pop_back();
    }
    on_line_(line_);
    line_.clear();
  }
}

void LineReader::close() {
  if (!fd_) return;
  more_.cancel();
  loop_.remove(fd_.get());
  fd_.reset();
}

}  // namespace pixell::par
