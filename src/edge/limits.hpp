#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace pixell::edge {

/// How long one long-poll for routes may wait for a change.
inline constexpr Millis kRoutePollTimeout{20'000};
/// Pause after a failed pull: from the first to the last, doubling.
inline constexpr Millis kRoutePullBackoffMin{50};
inline constexpr Millis kRoutePullBackoffMax{1'000};
/// How long every loop may take to take over a snapshot before it is reported.
inline constexpr Millis kPublishTimeout{5'000};
/// What Retry-After says when an agent or the API is away for a moment, in seconds.
inline constexpr const char* kRetryAfterSeconds = "1";
/// How long the edge lets exchanges end after SIGTERM.
inline constexpr Millis kDrainTimeout{30'000};
inline constexpr int kMaxThreads = 64;

}  // namespace pixell::edge
