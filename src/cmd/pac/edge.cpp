#include "cmd/pac/edge.hpp"

#include <chrono>
#include <csignal>
#include <memory>

#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "cmd/pac/control_route_source.hpp"
#include "cmd/pac/control_traffic_sink.hpp"
#include "edge/edge.hpp"
#include "edge/limits.hpp"
#include "edge/route_follower.hpp"
#include "edge/traffic_reporter.hpp"
#include "net/sockets.hpp"
#include "net/tls/limits.hpp"
#include "net/tls/tls_server.hpp"

namespace pixell::cmd {

namespace {

// The signals that are waited for, blocked in every thread from here on. SIGHUP has the
// certificates read anew, even when whoever started us ignored it.
sigset_t block_signals(bool has_tls) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (has_tls) {
    sigaddset(&signals, SIGHUP);
    ::signal(SIGHUP, SIG_DFL);
  }
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Waits for a signal that asks to stop. Meanwhile looks after the certificates, if there are any.
int wait_for_stop_signal(const sigset_t& signals, net::tls::TlsServer* tls) {
  const auto poll = std::chrono::duration_cast<std::chrono::seconds>(net::tls::kFilePoll);
  const timespec patience{.tv_sec = poll.count(), .tv_nsec = 0};
  while (true) {
    const int signal = ::sigtimedwait(&signals, nullptr, tls == nullptr ? nullptr : &patience);
    if (signal == SIGTERM || signal == SIGINT) return signal;
    if (tls == nullptr) continue;
    if (signal == SIGHUP)
      tls->reload();
    else
      tls->look_at_files();
  }
}

std::vector<UniqueFd> owned(const std::vector<int>& fds) {
  std::vector<UniqueFd> sockets;
  for (const int fd : fds) sockets.emplace_back(fd);
  return sockets;
}

Result<edge::EdgeListeners> listeners_of(const EdgeOptions& options, net::tls::TlsServer* tls) {
  edge::EdgeListeners listeners{.plain = owned(options.listen_fds),
                                .encrypted = owned(options.tls_listen_fds),
                                .transports = tls,
                                .redirects = owned(options.redirect_listen_fds)};
  if (options.redirect_port != 0) {
    listeners.https_port = options.redirect_port;
  } else if (!listeners.encrypted.empty()) {
    TRY(listeners.https_port, net::bound_port(listeners.encrypted.front().get()));
  }
  return listeners;
}

Result<std::unique_ptr<edge::Edge>> start_edge(const EdgeOptions& options, const Log& log,
                                               std::unique_ptr<net::tls::TlsServer>& tls) {
  if (!options.tls_listen_fds.empty()) {
    // `pac serve` has refused bad files at its start. An edge that is started again later must not
    // stay away, with its plain listeners, because of a renewal that went wrong meanwhile.
    TRY(tls, net::tls::TlsServer::load_what_works(options.tls, log));
  }
  TRY(edge::EdgeListeners listeners, listeners_of(options, tls.get()));
  TRY(edge::TrustedProxies trusted, edge::TrustedProxies::parse(options.trusted_proxies));
  const edge::Edge::Settings settings{
      .threads = options.threads,
      .trusted = std::move(trusted),
      .overload = {.max_exchanges = options.max_exchanges,
                   .lag_target = Millis(options.shed_after_ms)},
      .server = {.head_timeout = Millis(options.head_timeout_ms),
                 .send_stall_timeout = Millis(options.send_stall_timeout_ms)}};
  return edge::Edge::start(std::move(listeners),
                           net::Address{"unix:" + options.control_socket.string()}, settings, log);
}

// The edge of this directory keeps its id when it starts anew, so that control does not wait for
// the routes of an edge that is gone.
Result<std::string> lasting_id(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "id";
  if (auto known = read_file(file); known && is_ulid(*known)) return *known;
  const std::string id = new_ulid(system_clock().unix_now());
  TRY_VOID(write_file_atomically(file, id));
  return id;
}

}  // namespace

int run_edge(const EdgeOptions& options) {
  const Log log = Log().with("role", "edge");
  const sigset_t signals = block_signals(!options.tls_listen_fds.empty());
  ::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end the edge

  const std::filesystem::path directory = options.state_dir / "edge";
  if (const auto made = make_directories(directory); !made) {
    log.error("Edge cannot start", {{"error", made.error().message}});
    return 1;
  }
  const auto id = lasting_id(directory);
  if (!id) {
    log.error("Edge cannot start", {{"error", id.error().message}});
    return 1;
  }
  std::unique_ptr<net::tls::TlsServer> tls;  // outlives the edge
  auto edge = start_edge(options, log, tls);
  if (!edge) {
    log.error("Edge cannot start", {{"error", edge.error().message}});
    return 1;
  }
  ControlRouteSource source(options.control_socket, *id);
  edge::RouteFollower follower(
      source, {.snapshot_path = directory / "routes", .domains = options.domains},
      [&edge](std::shared_ptr<const edge::RouteTable> table) {
        return (*edge)->publish(std::move(table));
      },
      log);
  follower.start();
  ControlTrafficSink sink(options.control_socket, *id);
  edge::TrafficReporter reporter((*edge)->traffic(), sink, log);
  reporter.start();
  log.info("Edge ready", {{"threads", options.threads}});

  const int signal = wait_for_stop_signal(signals, tls.get());
  log.info("Received shutdown signal", {{"signal", signal}});
  (*edge)->drain_and_stop(edge::kDrainTimeout);
  follower.stop();
  reporter.stop();
  log.info("Edge stopped");
  return 0;
}

}  // namespace pixell::cmd
