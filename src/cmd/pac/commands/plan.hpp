#pragma once

#include <cstdint>
#include <string>

#include "cmd/pac/commands/ecs_account.hpp"

namespace pixell::cmd {

/// `pac plan`, as it is typed.
struct PlanOptions {
  std::string app;
  std::int64_t revision = 0;  ///< 0 = the one that serves, or with a package the next one
  std::string package_url;    ///< empty = the revision's
  std::string package_sha256;
  int tasks = -1;         ///< -1 = as many as the app has instances
  std::string slot;       ///< a or b; empty = as AWS has it
  int rule_priority = 0;  ///< of an app that has no place in a load balancer; 0 = its place
  EcsPlace place;
  bool has_detailed_exit_code = false;
};

/// What a deployment would change on ECS: the app's revision comes from a running Pixell, settings
/// and credentials from the environment, what is there from AWS. Nothing is changed.
Outcome<void> plan(const Session& session, const PlanOptions& options);

}  // namespace pixell::cmd
