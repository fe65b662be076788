#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "cmd/pac/engine_choice.hpp"
#include "cmd/pac/peer_files.hpp"
#include "cmd/pac/role.hpp"
#include "cmd/pac/serve_claim.hpp"
#include "edge/limits.hpp"
#include "net/tls/tls_options.hpp"

namespace pixell::cmd {

struct ServeOptions {
  std::filesystem::path program;                      ///< of the roles; run_serve sets it: its own
  std::filesystem::path state_dir;                    ///< absolute
  std::vector<std::string> listen{"127.0.0.1:4000"};  ///< address:port of each public listener
  std::string also_listen;  ///< address:port that is served too when it is free; empty = none
  std::vector<std::string> tls_listen;       ///< address:port of each encrypted listener
  net::tls::TlsOptions tls;                  ///< what they are served with
  std::vector<std::string> redirect_listen;  ///< address:port of each that leads to https://
  std::uint16_t redirect_port = 0;           ///< which port there; 0 = of the first tls_listen
  std::string edge_listen;  ///< address:port for edges of other machines; empty = none
  PeerText edge_peer;       ///< what edges are met with there
  PeerFiles edge_files;     ///< the same as files; run_serve makes them
  EngineChoice engine;
  std::vector<std::filesystem::path> allow_file_dirs;  ///< absolute
  std::vector<std::string> allowed_hosts;
  int edge_threads = 1;
  std::vector<std::string> domains;          ///< below which every app has a host
  std::string access_log = "all";            ///< see edge::access_log_choice()
  std::vector<std::string> trusted_proxies;  ///< as edge::TrustedProxies::parse() takes them
  int max_exchanges = edge::kMaxExchangesPerLoop;
  std::int64_t shed_after_ms = edge::kLagTarget.count();  ///< 0 = never
  bool stop_instances = false;  ///< at the end; else they keep running and are adopted next time
};

/// The roles of an installation in the order they are started. Only the local engine
/// has a node. `listeners` are handed to every role, so that they outlive any of them,
/// and must stay open.
std::vector<Role> make_roles(const ServeOptions& options, const PublicListeners& listeners);

/// Runs the supervisor: owns the public listening sockets, starts the roles node, control and edge
/// as processes of this program, restarts what ends or hangs. Until SIGTERM, SIGINT or SIGHUP; a
/// second signal hastens. SIGUSR2 upgrades it (upgrade.hpp). Returns the exit code.
///
/// When it is killed the roles go on, unsupervised; the next one on the same state directory takes
/// over their sockets and replaces them (takeover.hpp).
int run_serve(const ServeOptions& options);

}  // namespace pixell::cmd
