#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace pixell::par {

/// True when somebody accepts connections on a Unix socket, and is `user` when one is given.
/// Returns at once.
bool accepts_on_socket(const std::string& path, std::optional<uid_t> user);

/// The same for a TCP port of 127.0.0.1. The connection is closed again without a byte.
bool accepts_on_loopback(std::uint16_t port);

/// A TCP port of 127.0.0.1 that nobody listens on now.
Result<std::uint16_t> free_loopback_port();

}  // namespace pixell::par
