#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cmd/pac/commands/session.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

/// How long to follow a deployment.
struct FollowPatience {
  Millis watch = kWatchPatience;  ///< each long-poll
  Millis pause = kAwayPause;      ///< before the next look while the control plane is away
  Millis away = kFollowAway;      ///< while the control plane is away, in one go
  Millis margin = kFollowMargin;  ///< on top of the deployment's own deadline
};

/// Shows how a deployment (the API's object) goes on until it ends, and returns it as it is then:
/// redrawn on a terminal, a line for each change elsewhere, nothing in JSON mode. DeploymentFailed
/// (also when it was rolled back) with cause, evidence, remedy and the end of the log of its
/// instance, as far as that is there; NotReachable and Failed when patience ends and Interrupted
/// when the session's calls are stopped, which all leave the deployment going on and say so.
Outcome<nlohmann::json> follow_deployment(const Session& session, const nlohmann::json& deployment,
                                          const FollowPatience& patience = {});

/// The same under a headline (shown unless in JSON mode), ended by Ctrl-C (SIGINT) and SIGTERM.
Outcome<nlohmann::json> follow_until_interrupted(const Session& session,
                                                 const nlohmann::json& deployment,
                                                 const std::string& headline);

}  // namespace pixell::cmd
