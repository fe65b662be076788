#pragma once

#include <algorithm>

#include "base/clock.hpp"

namespace pixell::prepare {

/// Until when the dependencies have to be there: waiting for another maker, resolving, installing
/// and compiling share one. It begins with the preparation.
class Deadline {
 public:
  explicit Deadline(Millis given) : given_(given), end_(system_clock().now() + given) {}

  /// What is left; at least 1 ms, which programs and locks take for "at once".
  Millis left() const {
    return std::max(std::chrono::ceil<Millis>(end_ - system_clock().now()), Millis(1));
  }
  /// The whole time, for messages.
  Millis given() const { return given_; }

 private:
  Millis given_;
  Instant end_;
};

}  // namespace pixell::prepare
