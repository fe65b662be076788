#pragma once

#include <string>

#include "aws/transport.hpp"
#include "cmd/pac/commands/session.hpp"
#include "engine/ecs/settings.hpp"

namespace pixell::cmd {

/// Which installation a command on AWS is about, as it is typed.
struct EcsPlace {
  std::string state = ".pixell";  ///< state directory of `pac serve`
  std::string installation;       ///< value of the tag; empty = that of the state directory
};

/// Where an installation is on AWS.
struct EcsAccount {
  aws::Environment environment;  ///< credentials, region and endpoints
  engine::ecs::Settings settings;
  std::string installation;  ///< value of the tag
};

/// Settings and credentials of the environment. The installation is what was typed, else what the
/// state directory says, else PAC_ECS_INSTALLATION where there is no such directory.
Outcome<EcsAccount> find_ecs_account(const EcsPlace& place);

}  // namespace pixell::cmd
