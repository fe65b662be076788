#pragma once

#include "cmd/pac/commands/ecs_account.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

/// `pac aws orphans`, as it is typed.
struct OrphanOptions {
  EcsPlace place;
  bool is_removing = false;
  Millis timeout = kOrphanTimeout;  ///< of a removal
};

/// What an installation has on AWS and no app of it needs; LeftOver when there is something.
/// Removing, what apps that are gone have left is removed, and shown what is left then. Which apps
/// there are comes from the running Pixell, which must be of that installation: else nothing is
/// listed, and nothing removed. Ended by Ctrl-C (SIGINT) and SIGTERM; the same command goes on.
Outcome<void> orphans(const Session& session, const OrphanOptions& options);

}  // namespace pixell::cmd
