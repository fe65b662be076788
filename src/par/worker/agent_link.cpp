#include "par/worker/agent_link.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/files.hpp"
#include "par/limits.hpp"

namespace pixell::par {

namespace {

constexpr std::size_t kBytesPerTurn = 4 * net::EventLoop::kScratchBytes;

}  // namespace

AgentLink::AgentLink(net::EventLoop& loop, UniqueFd socket, AgentLinkOwner& owner)
    : loop_(loop), socket_(std::move(socket)), owner_(owner) {}

AgentLink::~AgentLink() {
  if (socket_) loop_.remove(socket_.get());
}

Result<void> AgentLink::start() {
  TRY_VOID(set_nonblocking(socket_.get()));
  return loop_.add(socket_.get(), *this);
}

Result<void> AgentLink::send(std::string_view header, std::string_view body) {
  if (!socket_)
    return make_error(ErrorCode::Unavailable, "the connection to the agent's process is closed");
  TRY(const std::string bytes, encode_frame(header, body));
  if (queue_.size() + bytes.size() > kMaxLinkQueuedBytes)
    return make_error(
        ErrorCode::ResourceExhausted,
        fmt::format("the agent's process does not read: {} bytes wait for it", queue_.size()));
  const std::size_t before = queue_.size();
  queue_ += bytes;
  // Nothing of it has left: whoever asked may go elsewhere. The end is told when it is read.
  if (write_queue() || before > 0 || queue_.size() < bytes.size()) return {};
  queue_.clear();
  return make_error(ErrorCode::Unavailable, "the agent's process has closed its connection");
}

void AgentLink::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) (void)write_queue();
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read_on();
}

bool AgentLink::write_queue() {
  bool is_open = true;
  std::size_t sent = 0;
  while (socket_ && sent < queue_.size()) {
    const ssize_t put =
        ::send(socket_.get(), queue_.data() + sent, queue_.size() - sent, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    // EAGAIN: EPOLLOUT will come. Anything else shows up as the end of file when reading.
    if (put < 0) {
      is_open = errno == EAGAIN;
      break;
    }
    sent += static_cast<std::size_t>(put);
  }
  queue_.erase(0, sent);
  return is_open;
}

void AgentLink::read_on() {
  if (read_frames(kBytesPerTurn)) more_ = loop_.after(Millis(0), [this] { read_on(); });
}

bool AgentLink::read_frames(std::size_t most) {
  std::vector<Frame> frames;
  std::string closed_reason;
  std::size_t taken = 0;
  while (socket_ && closed_reason.empty()) {
    if (taken >= most) return true;
    const ssize_t got = ::recv(socket_.get(), loop_.scratch(), net::EventLoop::kScratchBytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got < 0) {
      closed_reason = fmt::format("the connection broke: {}", ::strerrordesc_np(errno));
    } else if (got == 0) {
      closed_reason = decoder_.is_empty() ? "the other end closed it"
                                          : "the other end closed it inside a message";
    } else {
      taken += static_cast<std::size_t>(got);
      const auto fed = decoder_.feed({loop_.scratch(), static_cast<std::size_t>(got)}, frames);
      if (!fed) closed_reason = fed.error().message;
    }
    for (const Frame& frame : frames) owner_.frame_received(frame);
    frames.clear();
  }
  if (!closed_reason.empty()) close(closed_reason);
  return false;
}

void AgentLink::close(const std::string& reason) {
  if (!socket_) return;
  more_.cancel();
  loop_.remove(socket_.get());
  socket_.reset();
  queue_.clear();
  owner_.link_closed(reason);
}

}  // namespace pixell::par
