#pragma once

#include "base/loop_counter.hpp"

namespace pixell::edge {

/// What one loop counts of one app beside the replies of its revisions. A reference to it is good
/// for the turn of the loop in which it was looked up (TrafficMeter::Cells), while an exchange of
/// one of the app's cells runs, and while `waiting` is above 0.
struct alignas(64) EdgeCounters {
  LoopCounter waiting{};       ///< gauge: requests that wait now until an instance is there
  LoopCounter parked{};        ///< requests that had to wait for an instance
  LoopCounter park_expired{};  ///< … and were refused because none came in time, or too many waited
  LoopCounter limited{};       ///< refused with 429: the app's limits
  LoopCounter shed{};          ///< refused with 503: the edge itself had too much to do
  LoopCounter too_large{};     ///< refused with 413: the app's max_body_bytes
  LoopCounter ejections{};     ///< instances taken out because they failed
  LoopCounter retries{};       ///< requests sent once more, to the same instance or another
  LoopCounter upstream_opened{};  ///< exchanges that needed a new connection to the instance
  LoopCounter upstream_reused{};  ///< exchanges on a connection that was there
};

}  // namespace pixell::edge
