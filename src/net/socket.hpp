#pragma once

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/unique_fd.hpp"
#include "net/transport.hpp"

namespace pixell::net {

/// Makes a system call anew as long as a signal interrupts it.
template <class Call>
ssize_t retry_interrupted(Call call) {
  ssize_t n;
  do {
    n = call();
  } while (n < 0 && errno == EINTR);
  return n;
}

/// A connected, non-blocking socket and, when it is encrypted, what encrypts it. Calls have the
/// results of the system calls they stand for: a count, or -1 with errno (never EINTR). Without
/// encryption each one is that system call behind one branch.
class Socket {
 public:
  Socket() = default;
  explicit Socket(UniqueFd fd, std::unique_ptr<Transport> transport = nullptr)
      : fd_(std::move(fd)), transport_(std::move(transport)) {}

  int fd() const { return fd_.get(); }
  explicit operator bool() const { return bool(fd_); }
  /// Null without encryption.
  Transport* transport() { return transport_.get(); }
  void encrypt(std::unique_ptr<Transport> transport) { transport_ = std::move(transport); }
  /// What the handshake of an encrypted connection settled on, if it did.
  std::optional<Protocol> protocol() const {
    return transport_ == nullptr ? std::nullopt : transport_->protocol();
  }

  /// Reads what is there. A count below `room` means that the socket is empty and epoll announces
  /// what comes next, unless holds_unread() says otherwise.
  ssize_t read(char* to, std::size_t room) {
    if (transport_ != nullptr) [[unlikely]]
      return transport_->read(to, room);
    return retry_interrupted([&] { return ::recv(fd_.get(), to, room, 0); });
  }
  bool holds_unread() const { return transport_ != nullptr && transport_->holds_unread(); }
  /// The peer has shut its side, and everything before that was read.
  bool is_at_end() {
    if (transport_ != nullptr) [[unlikely]]
      return transport_->is_at_end();
    char byte;
    return retry_interrupted([&] { return ::recv(fd_.get(), &byte, 1, MSG_PEEK); }) == 0;
  }

  /// Writes what the socket takes. After EAGAIN the same bytes must be offered again, with or
  /// without more behind them. `flags`: MSG_MORE when more follows at once.
  ssize_t write(const iovec* parts, int count, int flags = 0) {
    if (transport_ != nullptr) [[unlikely]]
      return transport_->write(parts, count);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = std::size_t(count);
    return retry_interrupted([&] { return ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | flags); });
  }
  ssize_t write(std::string_view bytes, int flags = 0) {
    if (transport_ != nullptr) [[unlikely]] {
      const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
      return transport_->write(&part, 1);
    }
    return retry_interrupted(
        [&] { return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags); });
  }
  /// Writes bytes of a file without reading them; 0 when the file ends before `offset`. An
  /// encrypted socket cannot (EOPNOTSUPP). Raises SIGPIPE when the peer is gone: the process
  /// ignores it.
  ssize_t send_file(int file, off_t offset, std::size_t length) {
    if (transport_ != nullptr) [[unlikely]] {
      errno = EOPNOTSUPP;
      return -1;
    }
    return retry_interrupted([&] { return ::sendfile(fd_.get(), file, &offset, length); });
  }
  /// Ends our side; the peer reads what is on its way and then the end.
  void shutdown_write() {
    if (transport_ != nullptr) [[unlikely]]
      return transport_->shutdown_write();
    ::shutdown(fd_.get(), SHUT_WR);
  }

  /// To be called with the events of each on_ready(); says which of them count.
  std::uint32_t absorb(std::uint32_t events) {
    if (transport_ != nullptr) [[unlikely]]
      return transport_->absorb(events);
    return events;
  }

  /// Ends both sides. An encrypted peer is told so; destruction alone would look like a cut.
  void close() {
    if (transport_ != nullptr) transport_->shutdown_write();
    transport_.reset();
    fd_.reset();
  }
  /// Closes so that the peer cannot take it for the proper end of what it was reading.
  void close_with_reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    transport_.reset();
    fd_.reset();
  }

 private:
  UniqueFd fd_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace pixell::net
