#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

// Internal to net: socket addresses as the kernel takes them.

namespace pixell::net {

/// "127.0.0.1:80" or "[::1]:80" taken apart.
struct HostPort {
  std::string host;  ///< numeric, without brackets
  std::uint16_t port = 0;
};
/// InvalidArgument names what is wrong. Port 0 is allowed.
Result<HostPort> split_host_port(std::string_view text);

/// A TCP or Unix address in the kernel's form. A plain value.
class SocketAddress {
 public:
  /// A numeric IPv4 or IPv6 address; InvalidArgument for a name.
  static Result<SocketAddress> tcp(const std::string& host, std::uint16_t port);
  /// A path of 1 to 107 bytes, else InvalidArgument.
  static Result<SocketAddress> local(std::string_view path);
  /// "unix:/path" or "host:port".
  static Result<SocketAddress> parse(std::string_view text);

  int family() const { return storage_.ss_family; }
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

/// "127.0.0.1:51234", "[::1]:51234", or "unix".
std::string peer_text(const sockaddr_storage& address);

}  // namespace pixell::net
