#include "net/sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "net/socket_address.hpp"

namespace pixell::net {

namespace {

Error bind_error(const std::string& where, int saved_errno) {
  if (saved_errno == EADDRINUSE) {
    return make_error(ErrorCode::AlreadyExists, where + ": address already in use");
  }
  if (saved_errno == EACCES || saved_errno == EPERM) {
    return make_error(ErrorCode::PermissionDenied, where + ": permission denied");
  }
  return errno_error("cannot listen on " + where, saved_errno);
}

// Makes way for a new socket file: a stale one is unlinked, anything else is an error.
Result<void> clear_stale(const SocketAddress& address, const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return make_error(ErrorCode::AlreadyExists, path + " exists and is not a socket");
  }
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return errno_error("socket", errno);
  if (::connect(probe.get(), address.data(), address.size()) == 0 || errno == EAGAIN) {
    return make_error(ErrorCode::AlreadyExists, path + ": another process listens here");
  }
  if (errno != ECONNREFUSED) return errno_error("cannot probe " + path, errno);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return errno_error("cannot remove the stale socket " + path, errno);
  }
  return {};
}

Result<UniqueFd> inherited_listener(std::string_view spec) {
  int fd = -1;
  const char* end = spec.data() + spec.size();
  const auto [at, ec] = std::from_chars(spec.data() + 3, end, fd);
  if (ec != std::errc() || at != end || fd < 0) {
    return make_error(ErrorCode::InvalidArgument,
                      "listener \"" + std::string(spec) + "\": fd: must be followed by a number");
  }
  int is_listening = 0;
  socklen_t size = sizeof is_listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0 || !is_listening) {
    return make_error(ErrorCode::InvalidArgument,
                      "listener \"" + std::string(spec) + "\" is not a listening socket");
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return errno_error("fcntl", errno);
  }
  return UniqueFd(fd);
}

}  // namespace

Result<UniqueFd> listen_tcp(const std::string& address, std::uint16_t port, int backlog) {
  TRY(const SocketAddress where, SocketAddress::tcp(address, port));
  UniqueFd fd(::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket", errno);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), where.data(), where.size()) != 0 || ::listen(fd.get(), backlog) != 0) {
    return bind_error(address + ":" + std::to_string(port), errno);
  }
  return fd;
}

Result<UniqueFd> listen_unix(const std::filesystem::path& path, unsigned mode, int backlog) {
  TRY(const SocketAddress where, SocketAddress::local(path.native()));
  TRY_VOID(clear_stale(where, path.native()));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket", errno);
  // The file must never be open to more than `mode`: Linux gives it the mode of the descriptor
  // minus the umask; chmod adds what the umask took, and nobody can connect before listen().
  if (::fchmod(fd.get(), mode) != 0) return errno_error("fchmod", errno);
  if (::bind(fd.get(), where.data(), where.size()) != 0) return bind_error(path.native(), errno);
  if (::chmod(path.c_str(), mode) != 0 || ::listen(fd.get(), backlog) != 0) {
    const int saved = errno;
    ::unlink(path.c_str());
    return bind_error(path.native(), saved);
  }
  return fd;
}

Result<void> check_peer_user(int socket, uid_t user) {
  ucred peer{};
  socklen_t size = sizeof peer;
  // Those of the moment when the peer called listen(2), see unix(7).
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return errno_error("cannot ask who listens", errno);
  if (peer.uid != user)
    return make_error(ErrorCode::PermissionDenied,
                      fmt::format("user {} listens on the socket, not {}", peer.uid, user));
  return {};
}

Result<std::uint16_t> bound_port(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return errno_error("getsockname", errno);
  }
  if (storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
  }
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
  }
  return make_error(ErrorCode::InvalidArgument, "not a TCP socket");
}

Result<UniqueFd> open_listener(std::string_view spec) {
  if (spec.starts_with("fd:")) return inherited_listener(spec);
  if (spec.starts_with("unix:")) return listen_unix(std::filesystem::path(spec.substr(5)));
  TRY(const HostPort where, split_host_port(spec));
  return listen_tcp(where.host, where.port);
}

}  // namespace pixell::net
