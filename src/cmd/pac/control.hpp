#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cmd/pac/engine_choice.hpp"
#include "cmd/pac/peer_files.hpp"
#include "cmd/pac/role_life.hpp"

namespace pixell::cmd {

/// What the control role is started with.
struct ControlOptions {
  RoleOptions role;
  EngineChoice engine;
  std::vector<std::filesystem::path> allow_file_dirs;
  std::vector<std::string> allowed_hosts;  ///< Host names the API answers besides loopback
  int edge_listen_fd = -1;  ///< of role.held_fds: where edges of other machines come; -1 = nowhere
  PeerFiles edge_files;     ///< what they are met with there
};

/// Where the API of a state directory listens.
std::filesystem::path control_socket(const std::filesystem::path& state_dir);

/// Runs the control role until SIGTERM or SIGINT. Returns the exit code.
int run_control(const ControlOptions& options);

}  // namespace pixell::cmd
