#include "cmd/pac/serve.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <optional>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "cmd/pac/role.hpp"
#include "edge/limits.hpp"
#include "engine/local/local_engine.hpp"
#include "engine/local/node/node.hpp"
#include "net/sockets.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

constexpr int kFirstListenFd = 3;
constexpr Millis kRoleStopTimeout{15'000};
constexpr Millis kInstanceGrace{10'000};
constexpr Millis kInstanceStopTimeout{25'000};
constexpr int kLockTimeoutMs = 500;

Result<UniqueFd> open_public_listener(const std::string& spec) {
  const std::size_t colon = spec.rfind(':');
  std::uint16_t port = 0;
  const char* end = spec.data() + spec.size();
  if (colon == std::string::npos ||
      std::from_chars(spec.data() + colon + 1, end, port).ptr != end || colon + 1 == spec.size())
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("--listen '{}' must be address:port, like 127.0.0.1:4000", spec));
  auto listener = net::listen_tcp(spec.substr(0, colon), port);
  if (!listener)
    return Error{.code = listener.error().code,
                 .message = fmt::format("cannot listen on {}: {}; free it or choose another with "
                                        "--listen",
                                        spec, listener.error().message)};
  return listener;
}

// The supervisor: one thread, one poll loop, no state but what can be made again.
class Supervisor {
 public:
  Supervisor(const ServeOptions& options, std::vector<UniqueFd> listeners, Log log)
      : options_(options), listeners_(std::move(listeners)), log_(std::move(log)) {
    const std::string state = options.state_dir.string();
    const std::string socket = engine::node::node_socket(options.state_dir).string();
    roles_.push_back(make_role("node", {"--state", state}));
    std::vector<std::string> control{"--state", state,      "--node-socket",
                                     socket,    "--engine", options.engine};
    for (const fs::path& directory : options.allow_file_dirs)
      control.insert(control.end(), {"--allow-file-dir", directory.string()});
    for (const std::string& host : options.allowed_hosts)
      control.insert(control.end(), {"--allow-host", host});
    roles_.push_back(make_role("control", control));
    std::vector<std::string> edge{"--state", state, "--threads",
                                  std::to_string(options.edge_threads)};
    for (std::size_t i = 0; i < listeners_.size(); ++i)
      edge.insert(edge.end(), {"--listen-fd", std::to_string(kFirstListenFd + int(i))});
    roles_.push_back(make_role("edge", edge, true));
  }

  void run(int signal_fd) {
    for (Role& role : roles_) start(role);
    while (!is_stopping_) turn(signal_fd, std::nullopt);
    stop_all(signal_fd);
  }

 private:
  Role make_role(const std::string& name, std::vector<std::string> arguments,
                 bool has_listeners = false) {
    ProcessSpec spec{.env = own_environment(), .fds = {{1, 1}, {2, 2}}, .dies_with_parent = true};
    spec.argv = {"/proc/self/exe", name};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    std::error_code failed;
    if (const fs::path self = fs::read_symlink("/proc/self/exe", failed); !failed)
      spec.argv[0] = self.string();
    if (has_listeners)
      for (std::size_t i = 0; i < listeners_.size(); ++i)
        spec.fds.emplace_back(listeners_[i].get(), kFirstListenFd + int(i));
    return {name, std::move(spec)};
  }

  void start(Role& role) {
    role.start(log_, system_clock().now());
    if (!role.is_running()) return;
    const fs::path pid_file = options_.state_dir / "run" / (role.name() + ".pid");
    if (const auto written = write_file_atomically(pid_file, fmt::format("{}\n", role.pid()));
        !written)
      log_.error("Pid file not written", {{"error", written.error().message}});
  }

  // Waits for a signal or the next restart that is due (or `deadline`), and handles it.
  void turn(int signal_fd, std::optional<Instant> deadline) {
    const Instant now = system_clock().now();
    Instant until = deadline.value_or(now + Millis(60'000));
    if (!is_stopping_)
      for (const Role& role : roles_)
        if (!role.is_running()) until = std::min(until, role.due_at());
    const auto wait = std::chrono::ceil<Millis>(std::max(until - now, Instant::duration::zero()));
    pollfd poll_fd{.fd = signal_fd, .events = POLLIN, .revents = 0};
    if (::poll(&poll_fd, 1, static_cast<int>(wait.count())) > 0) read_signals(signal_fd);
    reap();
    if (is_stopping_) return;
    for (Role& role : roles_)
      if (!role.is_running() && role.due_at() <= system_clock().now()) start(role);
  }

  void read_signals(int signal_fd) {
    signalfd_siginfo info{};
    while (::read(signal_fd, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGCHLD) continue;
      log_.info("Received shutdown signal", {{"signal", info.ssi_signo}});
      if (is_stopping_) is_hasty_ = true;
      is_stopping_ = true;
    }
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
      for (Role& role : roles_)
        if (role.pid() == pid) role.ended(log_, status, system_clock().now(), is_stopping_);
  }

  // The edge first, so that requests end well; control next, so that it does not replace the
  // instances that are stopped after it; the node last.
  void stop_all(int signal_fd) {
    stop_role("edge", edge::kDrainTimeout + Millis(2'000), signal_fd);
    stop_role("control", kRoleStopTimeout, signal_fd);
    if (options_.stop_instances) stop_instances(signal_fd);
    stop_role("node", kRoleStopTimeout, signal_fd);
    std::error_code ignored;  // a stale pid file names a process that is gone; readers check
    for (const char* name : {"serve", "node", "control", "edge"})
      fs::remove(options_.state_dir / "run" / (std::string(name) + ".pid"), ignored);
  }

  void stop_role(std::string_view name, Millis timeout, int signal_fd) {
    Role& role = *std::find_if(roles_.begin(), roles_.end(),
                               [&](const Role& one) { return one.name() == name; });
    if (role.is_running()) ::kill(role.pid(), SIGTERM);
    const Instant deadline = system_clock().now() + timeout;
    while (role.is_running() && !is_hasty_ && system_clock().now() < deadline)
      turn(signal_fd, deadline);
    if (!role.is_running()) return;
    log_.warning("Role killed: it did not stop in time", {{"process", name}});
    ::kill(role.pid(), SIGKILL);
    const Instant last = system_clock().now() + kRoleStopTimeout;
    while (role.is_running() && system_clock().now() < last) turn(signal_fd, last);
  }

  void stop_instances(int signal_fd) {
    const auto engine = engine::make_local_engine(engine::node::node_socket(options_.state_dir));
    const Instant deadline = system_clock().now() + kInstanceStopTimeout;
    for (bool is_first = true; engine && system_clock().now() < deadline; is_first = false) {
      const auto instances = (*engine)->list();
      if (!instances) {
        log_.error("Instances not stopped", {{"error", instances.error().message}});
        return;
      }
      bool is_any_running = false;
      for (const model::Instance& instance : *instances) {
        if (instance.phase == model::InstancePhase::Stopped ||
            instance.phase == model::InstancePhase::Failed)
          continue;
        is_any_running = true;
        if (!is_first && !is_hasty_) continue;
        const auto asked = (*engine)->stop(instance.id, is_hasty_ ? Millis(0) : kInstanceGrace);
        if (!asked)
          log_.error("Instance not stopped",
                     {{"instance", instance.id}, {"error", asked.error().message}});
      }
      if (!is_any_running) return;
      turn(signal_fd, system_clock().now() + Millis(50));
    }
    log_.warning("Instances still stopping; the node's next start adopts them");
  }

  const ServeOptions& options_;
  std::vector<UniqueFd> listeners_;
  Log log_;
  std::vector<Role> roles_;
  bool is_stopping_ = false;
  bool is_hasty_ = false;
};

Result<void> run(const ServeOptions& options, int signal_fd, const Log& log) {
  TRY_VOID(make_directories(options.state_dir / "run"));
  auto lock = lock_file(options.state_dir / "run" / "serve.lock", kLockTimeoutMs);
  if (!lock)
    return make_error(lock.error().code,
                      fmt::format("another `pac serve` uses {}: stop it, or choose another --state",
                                  options.state_dir.string()));
  std::vector<UniqueFd> listeners;
  std::string addresses;
  for (const std::string& spec : options.listen) {
    TRY(UniqueFd listener, open_public_listener(spec));
    TRY(const std::uint16_t port, net::bound_port(listener.get()));
    addresses += fmt::format("{}{}:{}", addresses.empty() ? "" : ", ",
                             spec.substr(0, spec.rfind(':')), port);
    listeners.push_back(std::move(listener));
  }
  TRY_VOID(write_file_atomically(options.state_dir / "run" / "serve.pid",
                                 fmt::format("{}\n", ::getpid())));
  log.info("Pixell serves", {{"listen", addresses}, {"state", options.state_dir.string()}});
  Supervisor(options, std::move(listeners), log).run(signal_fd);
  return {};
}

}  // namespace

int run_serve(const ServeOptions& options) {
  const Log log = Log().with("role", "serve");
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const UniqueFd signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  const auto ran = signal_fd ? run(options, signal_fd.get(), log)
                             : Result<void>(errno_error("cannot watch signals", errno));
  if (!ran) {
    log.error("Pixell cannot serve", {{"error", ran.error().message}});
    return 1;
  }
  log.info("Pixell stopped");
  return 0;
}

}  // namespace pixell::cmd
