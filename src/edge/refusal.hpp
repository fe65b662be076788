#pragma once

#include "edge/error_reply.hpp"
#include "edge/parking.hpp"
#include "edge/router.hpp"

namespace pixell::edge {

/// For a request that goes nowhere: 404, or NOT_FOUND, with what is unknown.
ErrorReply unknown_reply(const Decision& decision);

/// For a request of the API at an edge that does not have it: 404, or NOT_FOUND.
ErrorReply api_elsewhere_reply();

/// For a request whose app has no target for it: 503 with Retry-After, or UNAVAILABLE.
ErrorReply unserved_reply(const Decision& decision, Unserved why);

}  // namespace pixell::edge
