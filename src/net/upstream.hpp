#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "net/client.hpp"
#include "net/client_session.hpp"
#include "net/socket_address.hpp"

// Internal to net: what a client keeps of one address.

namespace pixell::net {

class Http1Client;

class Upstream {
 public:
  explicit Upstream(Address where) : address(std::move(where)) {
    if (auto parsed = SocketAddress::parse(address.text)) socket_address = *parsed;
  }

  /// Listens on a Unix socket.
  bool is_local() const { return socket_address && socket_address->family() == AF_UNIX; }

  const Address address;
  std::optional<SocketAddress> socket_address;  ///< nullopt: connecting is refused
  std::vector<Http1Client*> idle;               ///< the one used last at the back
  std::vector<std::unique_ptr<Http2Session>> sessions;
  std::size_t http1_connections = 0;
  bool is_forgotten = false;  ///< connections close instead of falling idle
};

/// Starts a non-blocking connect; the descriptor becomes writable when it stands or failed
/// (getsockopt SO_ERROR). PermissionDenied when another user than `unix_user` listens on a Unix
/// socket. Shared by HTTP/1 and HTTP/2.
Result<UniqueFd> start_connect(const Upstream& upstream, std::optional<uid_t> unix_user = {});

}  // namespace pixell::net
