#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace pixell::net {

/// The value of a grpc-timeout field ("100m", "5S"), rounded up to a millisecond and cut to
/// kMaxGrpcDeadline; nothing for a malformed one. See "Timeout" in
/// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
std::optional<Millis> parse_grpc_timeout(std::string_view text);

/// How long a call may take: what its grpc-timeout says, `otherwise` without one or with a
/// malformed one.
Millis grpc_deadline(std::optional<std::string_view> timeout, Millis otherwise);

}  // namespace pixell::net
