#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/traffic_report.hpp"

namespace pixell::edge {

/// Where measurements go.
class TrafficSink {
 public:
  virtual ~TrafficSink() = default;
  /// Hands a report over; blocks for a few seconds at most. Since when the receiver has been
  /// listening: another answer than the last one means that it knows nothing of former reports.
  /// Unavailable when nobody takes it.
  virtual Result<UnixMillis> send(const model::TrafficReport& report) = 0;
};

}  // namespace pixell::edge
