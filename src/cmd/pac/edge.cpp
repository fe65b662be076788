#include "cmd/pac/edge.hpp"

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

namespace pixell::cmd {

namespace {

// Waits for one of the signals, which are blocked in every thread.
int wait_for_stop_signal(const sigset_t& signals) {
  int signal = 0;
  while (::sigwait(&signals, &signal) != 0) {
  }
  return signal;
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
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread is made
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
  std::vector<UniqueFd> listeners;
  for (int fd : options.listen_fds) listeners.emplace_back(fd);
  auto trusted = edge::TrustedProxies::parse(options.trusted_proxies);
  if (!trusted) {
    log.error("Edge cannot start", {{"error", trusted.error().message}});
    return 1;
  }
  const edge::Edge::Settings settings{.threads = options.threads,
                                      .trusted = std::move(*trusted),
                                      .overload = {.max_exchanges = options.max_exchanges,
                                                   .lag_target = Millis(options.shed_after_ms)}};
  auto edge = edge::Edge::start(
      std::move(listeners), net::Address{"unix:" + options.control_socket.string()}, settings, log);
  if (!edge) {
    log.error("Edge cannot start", {{"error", edge.error().message}});
    return 1;
  }
  ControlRouteSource source(options.control_socket, *id);
  edge::RouteFollower follower(
      source, directory / "routes",
      [&edge](std::shared_ptr<const edge::RouteTable> table) {
        return (*edge)->publish(std::move(table));
      },
      log);
  follower.start();
  ControlTrafficSink sink(options.control_socket, *id);
  edge::TrafficReporter reporter((*edge)->traffic(), sink, log);
  reporter.start();
  log.info("Edge ready", {{"threads", options.threads}});

  const int signal = wait_for_stop_signal(signals);
  log.info("Received shutdown signal", {{"signal", signal}});
  (*edge)->drain_and_stop(edge::kDrainTimeout);
  follower.stop();
  reporter.stop();
  log.info("Edge stopped");
  return 0;
}

}  // namespace pixell::cmd
