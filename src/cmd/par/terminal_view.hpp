#pragma once

#include <string>
#include <string_view>

#include "cmd/terminal/text.hpp"

namespace pixell::cmd {

/// Turns the JSON log lines of a runtime into lines for a person: each phase of the boot with how
/// long it took, requests, the agent's output, warnings, and a failure with cause, evidence and
/// remedy. A line that is no JSON object is shown as it is. Holds no clock: times are those of the
/// lines.
class TerminalView {
 public:
  /// `url` is where the agent answers, told when it is ready.
  TerminalView(std::string url, bool has_colour) : url_(std::move(url)), has_colour_(has_colour) {}

  /// What one log line (without its end) shows; empty for one that says nothing to a person.
  std::string show(std::string_view line);

 private:
  std::string painted(Colour colour, std::string_view text) const;
  std::string end_phase(double now_ms);

  std::string url_;
  bool has_colour_;
  std::string phase_;  // the one that runs, empty when none does
  double phase_began_ms_ = 0;
};

}  // namespace pixell::cmd
