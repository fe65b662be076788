#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "net/headers.hpp"
#include "net/stream.hpp"

namespace pixell::edge {

/// An error that the edge answers itself: a problem (RFC 9457) over HTTP, a status over gRPC.
struct ErrorReply {
  int status = 500;                      ///< over HTTP
  ErrorCode code = ErrorCode::Internal;  ///< over gRPC
  std::string detail;
  net::Headers more{};
};

/// Answers a stream whose head was not sent yet. What still comes of the request is the caller's to
/// read.
void send_error(net::ServerStream& stream, const ErrorReply& reply);

/// Retry-After for `wait`, in whole seconds rounded up, one at least (RFC 9110 10.2.3).
net::Headers retry_after(std::chrono::nanoseconds wait);

}  // namespace pixell::edge
