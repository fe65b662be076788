#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cmd/terminal/text.hpp"

// How a deployment of the API is shown while it goes on. Pure.

namespace pixell::cmd {

/// True when nothing more happens to it.
bool has_ended(const nlohmann::json& deployment);

/// What it is, for a headline: "deployment 01… of hello: revision 3, canary".
std::string deployment_title(const nlohmann::json& deployment);

/// The stage of its rollout: "stage 2 of 3 at 25%, held 12 s of 60 s, paused"; empty while it has
/// none.
std::string rollout_stage(const nlohmann::json& deployment);

/// A line for each step with how long it took, or takes until now, and one for the stage; fit for
/// the screen, without ends. `boot_phase` is where its newest instance is, told while it starts.
std::vector<std::string> progress_block(const nlohmann::json& deployment, UnixMillis now,
                                        const Screen& screen, const std::string& boot_phase = {});

/// True while an instance of it starts, whose boot_phase says more.
bool is_starting(const nlohmann::json& deployment);

/// Tells what is new since the last look, for output that cannot be redrawn.
class ProgressNews {
 public:
  /// A line for each step that began or ended and for each new stage; empty when nothing is new.
  std::vector<std::string> look(const nlohmann::json& deployment);

 private:
  std::vector<std::string> shown_;  // one per step: its status
  std::string stage_;
};

/// Why it failed, for standard error: cause and message, evidence, remedy.
std::vector<std::string> failure_lines(const nlohmann::json& deployment);

}  // namespace pixell::cmd
