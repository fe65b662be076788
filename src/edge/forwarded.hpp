#pragma once

#include <string_view>

#include "net/headers.hpp"
#include "net/stream.hpp"

namespace pixell::edge {

inline constexpr std::string_view kRequestId = "x-request-id";

/// Fills in the fields by which an upstream learns who asked, and how: X-Forwarded-For, -Proto and
/// -Host, -Client-Cert when the client's certificate was verified, and X-Request-ID with
/// `request_id` unless the client named one. They take the place of the client's, and Forwarded is
/// taken away.
void add_forwarded(net::Headers& added, const net::ServerStream& stream,
                   std::string_view request_id);

}  // namespace pixell::edge
