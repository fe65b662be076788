#include "par/worker/connect_probe.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"
#include "net/sockets.hpp"

namespace pixell::par {

bool accepts_on_socket(const std::string& path, std::optional<uid_t> user) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return false;
  // A Unix socket accepts or refuses at once; a full backlog (EAGAIN) is a living server.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno == EAGAIN;
  return !user || net::check_peer_user(fd.get(), *user);
}

bool accepts_on_loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return false;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return true;
  // Over loopback the handshake is over when connect() returns, also when that says "in progress".
  pollfd poll_fd{.fd = fd.get(), .events = POLLOUT, .revents = 0};
  if (errno != EINPROGRESS || ::poll(&poll_fd, 1, 0) != 1) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

Result<std::uint16_t> free_loopback_port() {
  TRY(const UniqueFd listener, net::listen_tcp("127.0.0.1", 0));
  return net::bound_port(listener.get());
}

}  // namespace pixell::par
