#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "edge/limits.hpp"
#include "edge/target.hpp"

namespace pixell::edge {

/// The targets a request has been tried at. A plain value without memory of its own.
class TriedTargets {
 public:
  bool has(const TargetState* target) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (targets_[i] == target) return true;
    return false;
  }
  /// No more than kMaxTriedTargets are remembered: then is_full(), and nothing is to be tried.
  void add(const TargetState* target) {
    if (!is_full()) targets_[count_++] = target;
  }
  bool is_empty() const { return count_ == 0; }
  bool is_full() const { return count_ == kMaxTriedTargets; }
  /// After a wait all may be tried again.
  void clear() { count_ = 0; }

 private:
  std::array<const TargetState*, kMaxTriedTargets> targets_{};  // compared, never followed
  std::size_t count_ = 0;
};

struct PickInput {
  Instant now;
  std::uint64_t dice = 0;  ///< random; not looked at when there is one target
  const TriedTargets& tried;
  Millis slow_start = kSlowStartWindow;
};

struct Pick {
  TargetState* target = nullptr;  ///< null = none is left to try
  std::size_t index = 0;          ///< of the target in its leg
  bool is_panic = false;          ///< it is out of rotation, but so are the others
};

/// Picks a target of a leg for a request. Pure. The one with fewer outstanding requests of two
/// taken at random, among those in rotation that were not tried. A target that is new gets its
/// share gradually, unless all are.
///
/// When more than kMaxEjectedPercent of the leg are out, or nothing else is left, one of those that
/// are out is taken at random (by load it would always be the one that fails fastest): ejection
/// alone refuses nobody. Unhealthy ones, where a request would hang, are the last choice of a first
/// try, and none of a later one: a request that has failed already does better to wait.
Pick pick_target(std::span<TargetState* const> targets, const PickInput& input);

}  // namespace pixell::edge
