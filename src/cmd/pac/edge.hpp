#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cmd/pac/peer_files.hpp"
#include "cmd/pac/role_life.hpp"
#include "cmd/pac/serve_claim.hpp"
#include "edge/access_log.hpp"
#include "edge/limits.hpp"
#include "net/limits.hpp"
#include "net/tls/tls_options.hpp"

namespace pixell::cmd {

/// What an edge has that nobody supervises: it listens by itself, and its control is elsewhere.
struct EdgeAlone {
  PublicAddresses listen;
  std::string control;  ///< "https://host:port"
  PeerText peer;        ///< what edge and control know each other by
  std::string id;       ///< letters and digits; empty = one is made of the host's name
};

/// What the edge role is started with.
struct EdgeOptions {
  std::optional<EdgeAlone> alone;        ///< else it is a role of `pac serve`
  RoleOptions role;                      ///< the route snapshot is kept in <state_dir>/edge/
  std::vector<int> listen_fds;           ///< those of role.held_fds that are accepted from
  std::vector<int> tls_listen_fds;       ///< the same, encrypted
  net::tls::TlsOptions tls;              ///< what those are served with
  std::vector<int> redirect_listen_fds;  ///< the same, leading to https://
  std::uint16_t redirect_port = 0;       ///< which port there; 0 = of the first of tls_listen_fds
  std::filesystem::path control_socket;  ///< the API; routes are pulled from it too. Not alone
  int threads = 1;
  std::vector<std::string> domains;    ///< below which every app has a host, in lower case
  edge::AccessLogChoice access_log{};  ///< which requests get a line
  std::int64_t head_timeout_ms = net::kHeadTimeout.count();
  std::int64_t send_stall_timeout_ms = edge::kClientStallTimeout.count();
  std::int64_t body_stall_timeout_ms = net::kBodyStallTimeout.count();
  std::vector<std::string> trusted_proxies;  ///< as edge::TrustedProxies::parse() takes them
  int max_exchanges = edge::kMaxExchangesPerLoop;
  std::int64_t shed_after_ms = edge::kLagTarget.count();  ///< 0 = never
};

/// Whether an edge may have this id: InvalidArgument unless it is 1 to kMaxEdgeIdChars letters and
/// digits.
Result<void> check_edge_id(const std::string& id);

/// Runs the edge role until SIGTERM or SIGINT, which give running exchanges edge::kDrainTimeout, or
/// until it has left: at SIGUSR1, whose value is a number of seconds, another process has taken
/// over from it, and what runs may go on for so long. Returns the exit code.
int run_edge(const EdgeOptions& options);

}  // namespace pixell::cmd
