#include "cmd/pac/edge.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>

#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "cmd/pac/control_route_source.hpp"
#include "cmd/pac/control_traffic_sink.hpp"
#include "cmd/pac/limits.hpp"
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
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, signal);
  if (has_tls) {
    sigaddset(&signals, SIGHUP);
    ::signal(SIGHUP, SIG_DFL);
  }
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

Result<std::vector<UniqueFd>> duplicates(const std::vector<int>& fds) {
  std::vector<UniqueFd> sockets;
  for (const int fd : fds) {
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) return errno_error("cannot duplicate a listening socket", errno);
    sockets.push_back(std::move(copy));
  }
  return sockets;
}

Result<edge::EdgeListeners> listeners_of(const EdgeOptions& options, net::tls::TlsServer* tls) {
  edge::EdgeListeners listeners;
  TRY(listeners.plain, duplicates(options.listen_fds));
  TRY(listeners.encrypted, duplicates(options.tls_listen_fds));
  TRY(listeners.redirects, duplicates(options.redirect_listen_fds));
  listeners.transports = tls;
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
      .access_log = options.access_log,
      .server = {.head_timeout = Millis(options.head_timeout_ms),
                 .send_stall_timeout = Millis(options.send_stall_timeout_ms),
                 .body_stall_timeout = Millis(options.body_stall_timeout_ms)}};
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

// The end of an edge, by the signals that come.
//
//   serving ─SIGUSR1─▶ leaving ─────────────┐ nothing left, or the deadline
//      └──────SIGTERM──▶ stopping ◀─SIGTERM─┤
//                            └──────────────┴─▶ over
//
// Meanwhile it looks after the certificates, if there are any: SIGHUP has them read anew.
class EdgeEnd {
 public:
  // `tls` may be null.
  EdgeEnd(edge::Edge& edge, net::tls::TlsServer* tls, std::function<void()> on_leave,
          const Log& log)
      : edge_(edge), tls_(tls), on_leave_(std::move(on_leave)), log_(log) {}

  Result<void> prepare(const sigset_t& signals) {
    signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    drained_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (signals_ && drained_) return {};
    return errno_error("cannot watch signals", errno);
  }

  // Returns when the edge may be cut.
  void wait() {
    while (!deadline_ || system_clock().now() < *deadline_) {
      std::array<pollfd, 2> both{pollfd{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = drained_.get(), .events = POLLIN, .revents = 0}};
      const int ready = ::poll(both.data(), both.size(), wait_ms());
      if (ready == 0 && tls_ != nullptr) tls_->look_at_files();
      if (both[1].revents != 0) return;
      signalfd_siginfo info{};
      if (::read(signals_.get(), &info, sizeof info) == sizeof info) take(info);
    }
    log_.warning("Exchanges cut: they did not end in time");
  }

 private:
  int wait_ms() const {
    const Millis longest = tls_ == nullptr ? kMaxUpgradeDrain : net::tls::kFilePoll;
    if (!deadline_) return tls_ == nullptr ? -1 : static_cast<int>(longest.count());
    const auto left = std::chrono::ceil<Millis>(*deadline_ - system_clock().now());
    return static_cast<int>(std::clamp(left, Millis(0), longest).count());
  }
  void take(const signalfd_siginfo& info) {
    if (info.ssi_signo == SIGUSR1)
      leave(std::chrono::seconds(std::max(info.ssi_int, 0)));
    else if (info.ssi_signo == SIGHUP)
      tls_->reload();
    else
      stop(static_cast<int>(info.ssi_signo));
  }
  void drain(net::IdleConnections idle) {
    edge_.drain(idle, [this] {
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t told = ::write(drained_.get(), &one, sizeof one);
    });
  }
  void leave(std::chrono::seconds drain_time) {
    if (deadline_) return;
    log_.info("Edge leaves: another one has taken over", {{"drain_s", drain_time.count()}});
    deadline_ = system_clock().now() + drain_time;
    on_leave_();
    drain(net::IdleConnections::Keep);
  }
  void stop(int signal) {
    log_.info("Received shutdown signal", {{"signal", signal}});
    if (std::exchange(is_stopping_, true)) return;
    const Instant last = system_clock().now() + edge::kDrainTimeout;
    deadline_ = deadline_ ? std::min(*deadline_, last) : last;
    drain(net::IdleConnections::Close);
  }

  edge::Edge& edge_;
  net::tls::TlsServer* tls_;
  std::function<void()> on_leave_;
  const Log& log_;
  UniqueFd signals_;
  UniqueFd drained_;
  std::optional<Instant> deadline_;
  bool is_stopping_ = false;
};

Result<void> run(const EdgeOptions& options, const sigset_t& signals, const Log& log) {
  TRY(const auto life, RoleLife::begin("edge", options.role));
  const std::filesystem::path directory = options.role.state_dir / "edge";
  TRY_VOID(make_directories(directory));
  TRY(const std::string id, lasting_id(directory));
  std::unique_ptr<net::tls::TlsServer> tls;  // outlives the edge
  TRY(const auto edge, start_edge(options, log, tls));
  edge->repeat(kBeatPeriod, [&life](int loop) { life->line().beat(loop); });
  ControlRouteSource source(options.control_socket, id);
  edge::RouteFollower follower(
      source, {.snapshot_path = directory / "routes", .domains = options.domains},
      [&edge](std::shared_ptr<const edge::RouteTable> table) {
        return edge->publish(std::move(table));
      },
      log);
  ControlTrafficSink sink(options.control_socket, id);
  edge::TrafficReporter reporter(edge->traffic(), sink, log);
  EdgeEnd end(
      *edge, tls.get(),
      [&] {
        source.stop_acknowledging();
        follower.leave_file_alone();
        life->let_go();
      },
      log);
  TRY_VOID(end.prepare(signals));
  follower.start();
  follower.wait_for_routes(edge::kFirstRoutesTimeout);
  reporter.start();
  TRY_VOID(edge->accept());
  life->line().ready();
  log.info("Edge ready", {{"threads", options.threads}});
  end.wait();
  edge->stop();
  follower.stop();
  reporter.stop();
  return {};
}

}  // namespace

int run_edge(const EdgeOptions& options) {
  const Log log = Log().with("role", "edge");
  const sigset_t signals = block_signals(!options.tls_listen_fds.empty());
  ::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end the edge
  if (const auto ran = run(options, signals, log); !ran) {
    log.error("Edge cannot start", {{"error", ran.error().message}});
    return 1;
  }
  log.info("Edge stopped");
  return 0;
}

}  // namespace pixell::cmd
