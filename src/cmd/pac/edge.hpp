#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "edge/limits.hpp"

namespace pixell::cmd {

/// What the edge role is started with.
struct EdgeOptions {
  std::filesystem::path state_dir;       ///< the route snapshot is kept in <state_dir>/edge/
  std::vector<int> listen_fds;           ///< inherited, bound and listening
  std::filesystem::path control_socket;  ///< the API; routes are pulled from it too
  int threads = 1;
  std::vector<std::string> trusted_proxies;  ///< as edge::TrustedProxies::parse() takes them
  int max_exchanges = edge::kMaxExchangesPerLoop;
  std::int64_t shed_after_ms = edge::kLagTarget.count();  ///< 0 = never
};

/// Runs the edge role until SIGTERM or SIGINT. Returns the exit code.
int run_edge(const EdgeOptions& options);

}  // namespace pixell::cmd
