#include "cmd/pac/edge.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>

#include "base/files.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "cmd/pac/control_link.hpp"
#include "cmd/pac/control_route_source.hpp"
#include "cmd/pac/control_traffic_sink.hpp"
#include "cmd/pac/edge_alone.hpp"
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
  // A remote control is asked for routes only: its API is not for the public.
  const std::string api = options.alone ? "" : "unix:" + options.control_socket.string();
  return edge::Edge::start(std::move(listeners), net::Address{api}, settings, log);
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
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
  // What else is to be done when it leaves, or stops.
  struct Also {
    std::function<void()> on_leave;
    std::function<void()> on_stop;
  };
  // `tls` may be null.
  EdgeEnd(edge::Edge& edge, net::tls::TlsServer* tls, Also also, const Log& log)
      : edge_(edge), tls_(tls), also_(std::move(also)), log_(log) {}

  Result<void> prepare(const sigset_t& signals) {
    signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    drained_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (signals_ && drained_) return {};
    return errno_error("cannot watch signals", errno);
  }

  // Takes the signals that have come; whether the edge is to end.
  bool is_asked_to_end() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) take(info);
    return deadline_.has_value();
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
    also_.on_leave();
    drain(net::IdleConnections::Keep);
  }
  void stop(int signal) {
    log_.info("Received shutdown signal", {{"signal", signal}});
    if (std::exchange(is_stopping_, true)) return;
    const Instant last = system_clock().now() + edge::kDrainTimeout;
    deadline_ = deadline_ ? std::min(*deadline_, last) : last;
    also_.on_stop();
    drain(net::IdleConnections::Close);
  }

  edge::Edge& edge_;
  net::tls::TlsServer* tls_;
  Also also_;
  const Log& log_;
  UniqueFd signals_;
  UniqueFd drained_;
  std::optional<Instant> deadline_;
  bool is_stopping_ = false;
};

// The ways of one edge to its control: routes and measurements are told by threads of their own.
struct ControlLinks {
  std::string edge_id;
  std::unique_ptr<ControlLink> routes;
  std::unique_ptr<ControlLink> measurements;
};

Result<ControlLinks> link_to_control(const EdgeOptions& options, const RemoteControl* remote,
                                     const std::filesystem::path& directory) {
  const auto make_link = [&] {
    return remote == nullptr ? make_socket_link(options.control_socket) : make_tls_link(*remote);
  };
  TRY(std::string id, lasting_id(directory));
  if (options.alone) id = alone_id(options.alone->id, host_name(), id);
  return ControlLinks{.edge_id = std::move(id), .routes = make_link(), .measurements = make_link()};
}

// Waits until the edge knows what to serve. With a control of this machine it does not for long: it
// has no routes at all then, or control will be back in a moment. One whose control is elsewhere
// would tell everybody that there are no agents, while its load balancer took it for well; who
// connects meanwhile waits in the backlog.
void await_routes(edge::RouteFollower& follower, bool is_alone, EdgeEnd& end, const Log& log) {
  if (follower.wait_for_routes(edge::kFirstRoutesTimeout) || !is_alone) return;
  log.warning("Edge waits for its first routes; it serves once control gives them");
  while (!end.is_asked_to_end() && !follower.wait_for_routes(edge::kFirstRoutesTimeout)) {
  }
}

Result<void> run(EdgeOptions options, const sigset_t& signals, const Log& log) {
  std::optional<AloneClaim> alone;
  if (options.alone) {
    TRY(alone, claim_alone(options, log));
  }
  TRY(const auto life, RoleLife::begin("edge", options.role));
  const std::filesystem::path directory = options.role.state_dir / "edge";
  TRY_VOID(make_directories(directory));
  TRY(const ControlLinks links,
      link_to_control(options, alone ? &alone->control : nullptr, directory));
  std::unique_ptr<net::tls::TlsServer> tls;  // outlives the edge
  TRY(const auto edge, start_edge(options, log, tls));
  edge->repeat(kBeatPeriod, [&life](int loop) { life->line().beat(loop); });
  ControlRouteSource source(*links.routes, links.edge_id);
  edge::RouteFollower follower(
      source, {.snapshot_path = directory / "routes", .domains = options.domains},
      [&edge](std::shared_ptr<const edge::RouteTable> table) {
        return edge->publish(std::move(table));
      },
      log);
  ControlTrafficSink sink(*links.measurements, links.edge_id);
  edge::TrafficReporter reporter(edge->traffic(), sink, log);
  EdgeEnd end(*edge, tls.get(),
              {.on_leave =
                   [&] {
                     source.stop_acknowledging();
                     follower.leave_file_alone();
                     life->let_go();
                   },
               // Nobody comes after one that is alone: who connects now had better be refused than
               // wait in the backlog.
               .on_stop =
                   [&] {
                     if (alone) life->let_go();
                   }},
              log);
  TRY_VOID(end.prepare(signals));
  follower.start();
  await_routes(follower, alone.has_value(), end, log);
  reporter.start();
  if (!end.is_asked_to_end()) TRY_VOID(edge->accept());
  life->line().ready();
  log.info("Edge ready", {{"threads", options.threads},
                          {"id", links.edge_id},
                          {"listen", alone ? alone->addresses : ""},
                          {"control", alone ? alone->control.url : ""}});
  end.wait();
  edge->stop();
  follower.stop();
  reporter.stop();
  return {};
}

}  // namespace

int run_edge(const EdgeOptions& options) {
  const Log log = Log().with("role", "edge");
  const sigset_t signals = block_signals(!options.tls.certificates.empty());
  ::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end the edge
  if (const auto ran = run(options, signals, log); !ran) {
    log.error("Edge cannot start", {{"error", ran.error().message}});
    return 1;
  }
  log.info("Edge stopped");
  return 0;
}

}  // namespace pixell::cmd
