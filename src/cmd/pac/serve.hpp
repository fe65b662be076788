#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace pixell::cmd {

struct ServeOptions {
  std::filesystem::path state_dir;
  std::vector<std::string> listen{"127.0.0.1:4000"};  ///< address:port of each public listener
  std::string engine = "local";
  std::vector<std::filesystem::path> allow_file_dirs;
  std::vector<std::string> allowed_hosts;
  int edge_threads = 1;
  bool stop_instances = false;  ///< at the end; else they keep running and are adopted next time
};

/// Runs the supervisor: owns the public listening sockets, starts the roles control, edge and node
/// as processes of this program, restarts what ends. Until SIGTERM or SIGINT; a second signal
/// hastens. Returns the exit code.
///
/// The roles end with their supervisor (it is the only one who could restart them); instances do
/// not. Whatever died is back when `pac serve` runs again on the same state directory.
int run_serve(const ServeOptions& options);

}  // namespace pixell::cmd
