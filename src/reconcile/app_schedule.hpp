#pragma once

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace pixell::reconcile {

/// When the next pass of an app is due.
struct AppSchedule {
  std::string org;       ///< once an app's pass or a listing told it
  bool is_due = false;   ///< a pass is wanted as soon as possible
  bool is_busy = false;  ///< a pass runs
  bool awaits_edges = false;
  std::optional<Instant> due_at;        ///< or at this time
  int failures = 0;                     ///< passes in a row
  std::vector<std::string> last_steps;  ///< of the last pass, to see one that gets nowhere
};

/// The pause after a failed pass: doubled each time up to the cap, and spread by a quarter either
/// way, so that apps which failed together are not tried together.
Millis pass_backoff(int failures, std::minstd_rand& random);

}  // namespace pixell::reconcile
