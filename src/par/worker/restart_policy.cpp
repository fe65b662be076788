#include "par/worker/restart_policy.hpp"

#include <algorithm>

#include "par/limits.hpp"

namespace pixell::par {

Millis RestartPolicy::next_pause(Millis lifetime) {
  const bool starts_over = pause_.count() == 0 || lifetime >= kWorkerStable;
  pause_ = starts_over ? kRestartPauseFirst : std::min(pause_ * 2, kRestartPauseMost);
  ++restarts_;
  return pause_;
}

}  // namespace pixell::par
