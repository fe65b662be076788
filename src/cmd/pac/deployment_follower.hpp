#pragma once

#include <string>

#include "cmd/pac/api_client.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

/// How long to follow a deployment.
struct FollowPatience {
  Millis pause = kFollowPause;  ///< between two looks
  Millis away = kFollowAway;    ///< while the control plane is away, in one go
  Millis in_all = kFollowTimeout;
};

/// Prints each state of a deployment on standard output until it ends. DeploymentFailed with cause,
/// evidence and remedy; NotReachable and Failed when patience ends, which leaves the deployment
/// going on.
Outcome<void> follow_deployment(const ApiClient& api, const std::string& id, const Clock& clock,
                                const FollowPatience& patience = {});

}  // namespace pixell::cmd
