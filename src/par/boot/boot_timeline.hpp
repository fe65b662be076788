#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/boot_report.hpp"

namespace pixell::par {

/// Measures the phases of one boot. A phase lasts until the next is entered; one that is entered
/// again goes on counting.
class BootTimeline {
 public:
  explicit BootTimeline(Instant start) : start_(start), entered_(start) {}

  /// Ends the current phase and begins another.
  void enter(std::string_view phase, Instant now);
  /// Ends the last phase.
  void finish(Instant now);

  const std::vector<model::BootPhase>& phases() const { return phases_; }
  /// Milliseconds from the start to the last change.
  double total_ms() const;
  const std::string& current() const { return current_; }

 private:
  Instant start_;
  Instant entered_;
  std::string current_;
  std::vector<model::BootPhase> phases_;
};

}  // namespace pixell::par
