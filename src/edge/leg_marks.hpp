#pragma once

#include "edge/router.hpp"
#include "net/headers.hpp"

namespace pixell::edge {

/// Adds what every reply of a picked leg carries, whoever made it: x-pixell-revision and, for a
/// client without one, the sticky cookie.
void mark_reply(net::Headers& headers, const Decision& decision);

}  // namespace pixell::edge
