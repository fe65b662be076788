#include "cmd/pac/socket_handover.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "cmd/pac/limits.hpp"
#include "net/socket_address.hpp"
#include "net/sockets.hpp"

namespace pixell::cmd {

namespace {

// Room for the descriptors of one message (unix(7), SCM_RIGHTS).
struct Rights {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxListeners)> bytes{};
};

void hand_out(int peer, const std::vector<UniqueFd>& sockets) {
  char byte = 0;
  iovec piece{.iov_base = &byte, .iov_len = 1};
  Rights rights;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (!sockets.empty()) {
    message.msg_control = rights.bytes.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * sockets.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * sockets.size());
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      const int fd = sockets[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  // A peer that has gone meanwhile needs nothing.
  (void)::sendmsg(peer, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::vector<UniqueFd> descriptors_of(msghdr& message) {
  std::vector<UniqueFd> taken;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      taken.emplace_back(fd);
    }
  }
  return taken;
}

}  // namespace

SocketHandover::SocketHandover(UniqueFd listener, UniqueFd wake, std::vector<UniqueFd> sockets)
    : listener_(std::move(listener)), wake_(std::move(wake)), sockets_(std::move(sockets)) {
  // Signals are for the threads that wait for them.
  sigset_t all;
  sigset_t former;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &former);
  thread_ = std::thread([this] { serve(); });
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
}

Result<std::unique_ptr<SocketHandover>> SocketHandover::start(const std::filesystem::path& path,
                                                              std::vector<UniqueFd> sockets) {
  TRY(UniqueFd listener, net::listen_unix(path));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return errno_error("cannot make an eventfd", errno);
  return std::unique_ptr<SocketHandover>(
      new SocketHandover(std::move(listener), std::move(wake), std::move(sockets)));
}

SocketHandover::~SocketHandover() { stop(); }

void SocketHandover::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t woken = ::write(wake_.get(), &one, sizeof one);
  thread_.join();
  listener_.reset();
  sockets_.clear();
}

void SocketHandover::serve() {
  std::array<pollfd, 2> both{pollfd{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                             pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  while (true) {
    if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR) return;
    if (both[1].revents != 0) return;
    const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer) hand_out(peer.get(), sockets_);
  }
}

Result<std::vector<UniqueFd>> take_sockets(const std::filesystem::path& path, Millis timeout) {
  TRY(const net::SocketAddress address, net::SocketAddress::local(path.string()));
  const UniqueFd peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!peer) return errno_error("cannot make a socket", errno);
  const timeval limit{.tv_sec = timeout.count() / 1000,
                      .tv_usec = static_cast<long>(timeout.count() % 1000 * 1000)};
  ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(peer.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);  // connect(2), too
  if (::connect(peer.get(), address.data(), address.size()) != 0)
    return errno_error(fmt::format("cannot reach {}", path.string()), errno);
  char byte = 0;
  iovec piece{.iov_base = &byte, .iov_len = 1};
  Rights rights;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = rights.bytes.data();
  message.msg_controllen = rights.bytes.size();
  const ssize_t got = ::recvmsg(peer.get(), &message, MSG_CMSG_CLOEXEC);
  if (got == 1) return descriptors_of(message);
  return make_error(ErrorCode::Unavailable, fmt::format("{} handed nothing out within {} ms",
                                                        path.string(), timeout.count()));
}

}  // namespace pixell::cmd
