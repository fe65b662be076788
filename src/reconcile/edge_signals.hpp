#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace pixell::reconcile {

/// What the edges measured of one revision's requests since a moment.
struct TrafficMeasured {
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  std::int64_t p95_ms = 0;
};

/// Knows what the edges measured.
class EdgeSignals {
 public:
  virtual ~EdgeSignals() = default;
  /// Sum over all edges of what was measured after `since` (resolution about a second). Safe from
  /// any thread.
  virtual TrafficMeasured measured(std::string_view app_id, std::int64_t revision,
                                   UnixMillis since) = 0;
};

}  // namespace pixell::reconcile
