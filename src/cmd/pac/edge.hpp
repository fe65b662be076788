#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "edge/limits.hpp"
#include "net/limits.hpp"

namespace pixell::cmd {

/// What the edge role is started with.
struct EdgeOptions {
  std::filesystem::path state_dir;       ///< the route snapshot is kept in <state_dir>/edge/
  std::vector<int> listen_fds;           ///< inherited, bound and listening
  std::filesystem::path control_socket;  ///< the API; routes are pulled from it too
  int threads = 1;
  std::int64_t head_timeout_ms = net::kHeadTimeout.count();
  std::int64_t send_stall_timeout_ms = edge::kClientStallTimeout.count();
};

/// Runs the edge role until SIGTERM or SIGINT. Returns the exit code.
int run_edge(const EdgeOptions& options);

}  // namespace pixell::cmd
