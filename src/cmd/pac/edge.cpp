#include "cmd/pac/edge.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "edge/edge.hpp"
#include "edge/limits.hpp"
#include "edge/route_follower.hpp"
#include "net/client/http_fetch.hpp"

namespace pixell::cmd {

namespace {

// Pulls routes from control by long-poll over its Unix socket.
class ControlRouteSource final : public edge::RouteSource {
 public:
  explicit ControlRouteSource(std::filesystem::path socket)
      : socket_(std::move(socket)), id_(new_ulid(system_clock().unix_now())) {}

  Result<std::optional<model::RouteSnapshot>> next(std::int64_t after, Millis timeout,
                                                   std::stop_token stop) override {
    net::FetchRequest request{
        .url = fmt::format("http://control/internal/routes?after={}&edge={}&timeout_ms={}", after,
                           id_, timeout.count()),
        .unix_socket = socket_.string(),
        // Longer than the poll itself, so that only a hung control runs into it.
        .timeout = timeout + Millis(5'000),
        .stop = stop};
    TRY(const net::FetchReply reply, net::fetch(request));
    if (reply.status == 204) return std::optional<model::RouteSnapshot>();
    if (reply.status != 200)
      return make_error(ErrorCode::Unavailable,
                        fmt::format("control answered {} for its routes", reply.status));
    const auto json = nlohmann::json::parse(reply.body, nullptr, false);
    if (json.is_discarded())
      return make_error(ErrorCode::DataLoss, "control sent routes that are not JSON");
    TRY(model::RouteSnapshot snapshot, model::route_snapshot_from_json(json));
    return std::optional(std::move(snapshot));
  }

 private:
  std::filesystem::path socket_;
  std::string id_;
};

// Blocks the stop signals in every thread and waits for one of them.
int wait_for_stop_signal(const sigset_t& signals) {
  int signal = 0;
  while (::sigwait(&signals, &signal) != 0) {
  }
  return signal;
}

}  // namespace

int run_edge(const EdgeOptions& options) {
  const Log log = Log().with("role", "edge");
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread is made

  const std::filesystem::path directory = options.state_dir / "edge";
  if (const auto made = make_directories(directory); !made) {
    log.error("Edge cannot start", {{"error", made.error().message}});
    return 1;
  }
  std::vector<UniqueFd> listeners;
  for (int fd : options.listen_fds) listeners.emplace_back(fd);
  auto edge = edge::Edge::start(std::move(listeners),
                                net::Address{"unix:" + options.control_socket.string()},
                                options.threads, log);
  if (!edge) {
    log.error("Edge cannot start", {{"error", edge.error().message}});
    return 1;
  }
  ControlRouteSource source(options.control_socket);
  edge::RouteFollower follower(
      source, directory / "routes",
      [&edge](std::shared_ptr<const edge::RouteTable> table) {
        return (*edge)->publish(std::move(table));
      },
      log);
  follower.start();
  log.info("Edge ready", {{"threads", options.threads}});

  const int signal = wait_for_stop_signal(signals);
  log.info("Received shutdown signal", {{"signal", signal}});
  (*edge)->drain_and_stop(edge::kDrainTimeout);
  follower.stop();
  log.info("Edge stopped");
  return 0;
}

}  // namespace pixell::cmd
