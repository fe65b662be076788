#pragma once

#include "base/clock.hpp"

namespace pixell::par {

/// How long to wait before a dead worker is started again: kRestartPauseFirst, doubled with each
/// early death up to kRestartPauseMost; a worker that lived kWorkerStable starts the row over.
class RestartPolicy {
 public:
  /// The pause after a worker that had lived for `lifetime`.
  Millis next_pause(Millis lifetime);
  /// Restarts since the start.
  int restarts() const { return restarts_; }

 private:
  Millis pause_{0};
  int restarts_ = 0;
};

}  // namespace pixell::par
