#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell::net {

/// Binds and listens on a numeric address ("127.0.0.1", "0.0.0.0"). Port 0 picks a free one.
/// The error names address and port ("address already in use").
Result<UniqueFd> listen_tcp(const std::string& address, std::uint16_t port, int backlog = 4096);

/// Binds and listens on a Unix socket path. A stale socket file is replaced; a live one is
/// AlreadyExists. Paths over 107 bytes are InvalidArgument.
Result<UniqueFd> listen_unix(const std::filesystem::path& path, unsigned mode = 0600,
                             int backlog = 4096);

/// PermissionDenied when the peer of a connected Unix socket called listen(2) as another user.
Result<void> check_peer_user(int socket, uid_t user);

/// The port a listening TCP socket is bound to.
Result<std::uint16_t> bound_port(int fd);

/// Takes a listening socket given as "fd:3", "unix:/path" or "127.0.0.1:8080". An inherited
/// descriptor must be a listening socket.
Result<UniqueFd> open_listener(std::string_view spec);

}  // namespace pixell::net
