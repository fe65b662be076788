#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace pixell::reconcile {

/// Knows which routes are in force wherever requests come in. Safe from any thread.
class EdgeAcks {
 public:
  virtual ~EdgeAcks() = default;
  /// True when an app's route of this generation, or a later one, is in force at every edge that
  /// polled lately, and at what else brings requests.
  virtual bool all_applied(std::string_view app_id, std::int64_t route_generation,
                           UnixMillis now) = 0;
  /// True while an app's requests are known to go by an earlier route still: then what that leads
  /// to is not drained, however long it takes.
  virtual bool lags_behind(std::string_view, std::int64_t) { return false; }
};

}  // namespace pixell::reconcile
