#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace pixell::reconcile {

/// Knows which routes the edges have in force. Safe from any thread.
class EdgeAcks {
 public:
  virtual ~EdgeAcks() = default;
  /// True when every edge that polled lately applied this route generation or a later one.
  virtual bool all_applied(std::int64_t route_generation, UnixMillis now) = 0;
};

}  // namespace pixell::reconcile
