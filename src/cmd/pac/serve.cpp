#include "cmd/pac/serve.hpp"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/serve_claim.hpp"
#include "cmd/pac/supervisor.hpp"
#include "cmd/pac/tls_arguments.hpp"
#include "edge/limits.hpp"
#include "engine/local/local_engine.hpp"
#include "engine/local/node/node.hpp"
#include "net/tls/tls_server.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

constexpr int kFirstListenFd = 3;

bool has_node(const ServeOptions& options) { return options.engine == "local"; }

// A role is this program again, with the role as its command and, besides the log, only the
// descriptors named here.
Role make_role(const std::string& name, const std::vector<std::string>& arguments,
               const std::vector<std::pair<int, int>>& descriptors = {}) {
  ProcessSpec spec{.env = own_environment(), .fds = {{1, 1}, {2, 2}}, .dies_with_parent = true};
  spec.fds.insert(spec.fds.end(), descriptors.begin(), descriptors.end());
  spec.argv = {"/proc/self/exe", name};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  // By its path, so that a replaced program is used from the next restart on.
  std::error_code failed;
  if (const fs::path self = fs::read_symlink("/proc/self/exe", failed); !failed)
    spec.argv[0] = self.string();
  return {name, std::move(spec)};
}

std::vector<std::string> control_arguments(const ServeOptions& options) {
  std::vector<std::string> arguments{
      "--state",       options.state_dir.string(),
      "--node-socket", engine::node::node_socket(options.state_dir).string(),
      "--engine",      options.engine};
  for (const fs::path& directory : options.allow_file_dirs)
    arguments.insert(arguments.end(), {"--allow-file-dir", directory.string()});
  for (const std::string& host : options.allowed_hosts)
    arguments.insert(arguments.end(), {"--allow-host", host});
  return arguments;
}

Role make_edge(const ServeOptions& options, const PublicListeners& listeners) {
  std::vector<std::string> arguments{"--state", options.state_dir.string(), "--threads",
                                     std::to_string(options.edge_threads)};
  for (const std::string& domain : options.domains)
    arguments.insert(arguments.end(), {"--domain", domain});
  if (options.access_log != "all")
    arguments.insert(arguments.end(), {"--access-log", options.access_log});
  std::vector<std::pair<int, int>> descriptors;
  for (const std::string& proxy : options.trusted_proxies)
    arguments.insert(arguments.end(), {"--trusted-proxy", proxy});
  if (options.max_exchanges != edge::kMaxExchangesPerLoop)
    arguments.insert(arguments.end(), {"--max-exchanges", std::to_string(options.max_exchanges)});
  if (options.shed_after_ms != edge::kLagTarget.count())
    arguments.insert(arguments.end(), {"--shed-after-ms", std::to_string(options.shed_after_ms)});
  int in_edge = kFirstListenFd;
  const auto hand_over = [&](const char* option, const std::vector<UniqueFd>& sockets) {
    for (const UniqueFd& socket : sockets) {
      arguments.insert(arguments.end(), {option, std::to_string(in_edge)});
      descriptors.emplace_back(socket.get(), in_edge++);
    }
  };
  hand_over("--listen-fd", listeners.plain);
  hand_over("--tls-listen-fd", listeners.tls);
  hand_over("--redirect-listen-fd", listeners.redirect);
  if (options.redirect_port != 0)
    arguments.insert(arguments.end(), {"--redirect-port", std::to_string(options.redirect_port)});
  const auto tls = tls_arguments_of(options.tls);
  arguments.insert(arguments.end(), tls.begin(), tls.end());
  return make_role("edge", arguments, descriptors);
}

// Asks the node to stop every agent and waits until they have, while it supervises on.
void stop_instances(const ServeOptions& options, Supervisor& supervisor, const Log& log) {
  const auto engine = engine::make_local_engine(engine::node::node_socket(options.state_dir));
  if (!engine) {
    log.error("Instances not stopped", {{"error", engine.error().message}});
    return;
  }
  const Instant deadline = system_clock().now() + kInstanceStopTimeout;
  bool was_hasty = false;
  for (bool is_first = true; system_clock().now() < deadline; is_first = false) {
    const auto instances = (*engine)->list();
    if (!instances) {
      log.error("Instances not stopped", {{"error", instances.error().message}});
      return;
    }
    // Each is asked once, and once more when a second signal came.
    const bool is_asking = is_first || supervisor.is_hasty() != was_hasty;
    was_hasty = supervisor.is_hasty();
    bool is_any_running = false;
    for (const model::Instance& instance : *instances) {
      if (instance.phase == model::InstancePhase::Stopped ||
          instance.phase == model::InstancePhase::Failed)
        continue;
      is_any_running = true;
      if (!is_asking) continue;
      const auto asked = (*engine)->stop(instance.id, was_hasty ? Millis(0) : kInstanceGrace);
      if (!asked)
        log.error("Instance not stopped",
                  {{"instance", instance.id}, {"error", asked.error().message}});
    }
    if (!is_any_running) return;
    supervisor.turn(system_clock().now() + kInstancePoll);
  }
  log.warning("Instances still stopping; the node's next start adopts them");
}

Result<void> run(ServeOptions options, int signal_fd, const Log& log) {
  // Without it no agent could ever start, and the node would be restarted for ever.
  if (has_node(options)) TRY_VOID(engine::node::find_par_program(own_environment()));
  // The edge reads these files itself; what is wrong with them is told before anything starts.
  if (!options.tls_listen.empty())
    TRY_VOID(net::tls::TlsServer::load(options.tls, Log(1, LogLevel::Error)));
  TRY(const ServeClaim claim,
      claim_state_and_ports(options.state_dir, {.plain = options.listen,
                                                .also = options.also_listen,
                                                .tls = options.tls_listen,
                                                .redirect = options.redirect_listen}));
  options.state_dir = claim.state_dir;
  const fs::path run_dir = options.state_dir / "run";
  TRY_VOID(write_file_atomically(run_dir / "serve.pid", fmt::format("{}\n", ::getpid())));
  log.info("Pixell serves", {{"listen", claim.addresses},
                             {"tls_listen", claim.tls_addresses},
                             {"redirect_listen", claim.redirect_addresses},
                             {"state", options.state_dir.string()}});
  if (!claim.missed.empty())
    log.warning("An address is not served: pixell-sdk's --env local will not find Pixell there",
                {{"reason", claim.missed}});

  Supervisor supervisor(
      make_roles(options, claim.listeners),
      {.run_dir = run_dir, .signal_fd = signal_fd, .clock = system_clock(), .log = log});
  supervisor.run_until_stopped();
  // The edge first, so that requests end well; control next, so that it does not replace the
  // instances that are stopped after it; the node last.
  supervisor.stop("edge", edge::kDrainTimeout + kEdgeStopMargin);
  supervisor.stop("control", kRoleStopTimeout);
  if (options.stop_instances && has_node(options)) stop_instances(options, supervisor, log);
  supervisor.stop("node", kRoleStopTimeout);
  std::error_code ignored;  // a stale pid file names a process that is gone
  fs::remove(run_dir / "serve.pid", ignored);
  return {};
}

// The signals the supervisor waits for. A closed terminal stops Pixell in order, unless it was
// started to outlive it (nohup).
sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, signal);
  struct sigaction hangup {};
  if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
    sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

std::vector<Role> make_roles(const ServeOptions& options, const PublicListeners& listeners) {
  std::vector<Role> roles;
  if (has_node(options))
    roles.push_back(make_role("node", {"--state", options.state_dir.string()}));
  roles.push_back(make_role("control", control_arguments(options)));
  roles.push_back(make_edge(options, listeners));
  return roles;
}

int run_serve(const ServeOptions& options) {
  const Log log = Log().with("role", "serve");
  const sigset_t signals = watched_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end the supervisor
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
