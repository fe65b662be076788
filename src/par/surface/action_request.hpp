#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace pixell::par {

/// What an Invoke asks for, whichever generation of client sent it.
struct ActionCall {
  std::string action;
  std::string parameters_json = "{}";  ///< a JSON object
  std::string request_id;
};

/// Why it cannot be understood; told inside ActionResult, never as a gRPC status.
struct ActionRefusal {
  std::string error;
  std::string request_id;
};

/// Reads the bytes of an Invoke request. Two generations of clients number the fields differently:
/// field 1 absent, or an A2AMessage with jsonrpc "2.0", means the newer one, anything else the
/// older. Without a request id one is made from `now`. Pure.
std::expected<ActionCall, ActionRefusal> parse_action_request(std::string_view bytes,
                                                              UnixMillis now);

}  // namespace pixell::par
