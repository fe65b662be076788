#include "net/socket_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstring>

#include "net/stream.hpp"

namespace pixell::net {

namespace {

Error bad_address(std::string_view text, std::string_view why) {
  return make_error(ErrorCode::InvalidArgument,
                    "address \"" + std::string(text) + "\": " + std::string(why));
}

}  // namespace

Result<HostPort> split_host_port(std::string_view text) {
  HostPort result;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find("]:");
    if (close == std::string_view::npos) return bad_address(text, "expected [v6]:port");
    result.host = text.substr(1, close - 1);
    port = text.substr(close + 2);
  } else {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad_address(text, "expected address:port");
    result.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (result.host.find(':') != std::string::npos) {
      return bad_address(text, "an IPv6 address needs brackets");
    }
  }
  const char* end = port.data() + port.size();
  const auto [at, ec] = std::from_chars(port.data(), end, result.port);
  if (ec != std::errc() || at != end || port.empty()) return bad_address(text, "bad port");
  return result;
}

Result<SocketAddress> SocketAddress::tcp(const std::string& host, std::uint16_t port) {
  SocketAddress result;
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&result.storage_, &v4, sizeof v4);
    result.size_ = sizeof v4;
    return result;
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&result.storage_, &v6, sizeof v6);
    result.size_ = sizeof v6;
    return result;
  }
  return bad_address(host, "not a numeric address");
}

Result<SocketAddress> SocketAddress::local(std::string_view path) {
  SocketAddress result;
  sockaddr_un un{};
  if (path.empty()) return bad_address("unix:", "the path is empty");
  if (path.size() >= sizeof un.sun_path) {
    return bad_address(path, "a Unix socket path has at most 107 bytes");
  }
  if (path.find('\0') != std::string_view::npos) return bad_address("unix:", "NUL in the path");
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  std::memcpy(&result.storage_, &un, sizeof un);
  result.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return result;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  if (text.starts_with("unix:")) return local(text.substr(5));
  TRY(const HostPort where, split_host_port(text));
  if (where.port == 0) return bad_address(text, "bad port");
  return tcp(where.host, where.port);
}

std::string peer_text(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    return "[" + std::string(host) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  return std::string(kUnixPeer);
}

}  // namespace pixell::net
