#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "base/clock.hpp"
#include "cmd/pac/api_client.hpp"

namespace pixell::cmd {

/// The position (for `after`) behind which are exactly the events since a moment, of one app or of
/// all when `app` is empty; by default the end of the history. Asks for single events, a number of
/// times that grows with the logarithm of the history's length.
Outcome<std::int64_t> event_position(const ApiClient& api, const std::string& app,
                                     UnixMillis since = std::numeric_limits<UnixMillis>::max());

}  // namespace pixell::cmd
