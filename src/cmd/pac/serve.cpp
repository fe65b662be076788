#include "cmd/pac/serve.hpp"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/package_mirror.hpp"
#include "cmd/pac/role_record.hpp"
#include "cmd/pac/serve_claim.hpp"
#include "cmd/pac/supervisor.hpp"
#include "cmd/pac/takeover.hpp"
#include "cmd/pac/tls_arguments.hpp"
#include "cmd/pac/upgrade.hpp"
#include "edge/limits.hpp"
#include "engine/local/local_engine.hpp"
#include "engine/local/node/node.hpp"
#include "net/tls/tls_server.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

constexpr int kFirstHeldFd = kLifeFd + 1;

// A role is this program again, with the role as its command and, besides the log, only its life
// line and the public sockets. It dies with its supervisor until it is recorded (RoleLife).
Role make_role(const ServeOptions& options, const std::string& name,
               const std::vector<std::string>& arguments, const PublicListeners& listeners) {
  ProcessSpec spec{.env = own_environment(), .fds = {{1, 1}, {2, 2}}, .dies_with_parent = true};
  // By its path, so that a replaced program is used from the next restart on.
  spec.argv = {options.program.string(), name, "--life-fd", std::to_string(kLifeFd)};
  int in_role = kFirstHeldFd;
  for (const int socket : listeners.all()) {
    spec.argv.insert(spec.argv.end(), {"--held-fd", std::to_string(in_role)});
    spec.fds.emplace_back(socket, in_role++);
  }
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  return {name, std::move(spec)};
}

std::vector<std::string> control_arguments(const ServeOptions& options,
                                           const PublicListeners& listeners) {
  std::vector<std::string> arguments{"--state", options.state_dir.string()};
  const auto engine = engine_arguments(options.engine);
  arguments.insert(arguments.end(), engine.begin(), engine.end());
  for (const fs::path& directory : options.allow_file_dirs)
    arguments.insert(arguments.end(), {"--allow-file-dir", directory.string()});
  for (const std::string& host : options.allowed_hosts)
    arguments.insert(arguments.end(), {"--allow-host", host});
  // They are the last in the order of make_role().
  if (!listeners.edges.empty())
    arguments.insert(
        arguments.end(),
        {"--edge-listen-fd",
         std::to_string(kFirstHeldFd + static_cast<int>(listeners.all().size()) - 1),
         std::string(kEdgeListenOptions.certificate), options.edge_files.certificate.string(),
         std::string(kEdgeListenOptions.key), options.edge_files.key.string(),
         std::string(kEdgeListenOptions.ca), options.edge_files.ca.string()});
  return arguments;
}

std::vector<std::string> edge_arguments(const ServeOptions& options,
                                        const PublicListeners& listeners) {
  std::vector<std::string> arguments{"--state", options.state_dir.string(), "--threads",
                                     std::to_string(options.edge_threads)};
  for (const std::string& domain : options.domains)
    arguments.insert(arguments.end(), {"--domain", domain});
  if (options.access_log != "all")
    arguments.insert(arguments.end(), {"--access-log", options.access_log});
  for (const std::string& proxy : options.trusted_proxies)
    arguments.insert(arguments.end(), {"--trusted-proxy", proxy});
  if (options.max_exchanges != edge::kMaxExchangesPerLoop)
    arguments.insert(arguments.end(), {"--max-exchanges", std::to_string(options.max_exchanges)});
  if (options.shed_after_ms != edge::kLagTarget.count())
    arguments.insert(arguments.end(), {"--shed-after-ms", std::to_string(options.shed_after_ms)});
  int in_edge = kFirstHeldFd;  // in the order of make_role
  const auto name = [&](const char* option, const std::vector<UniqueFd>& sockets) {
    for (std::size_t i = 0; i < sockets.size(); ++i)
      arguments.insert(arguments.end(), {option, std::to_string(in_edge++)});
  };
  name("--listen-fd", listeners.plain);
  name("--tls-listen-fd", listeners.tls);
  name("--redirect-listen-fd", listeners.redirect);
  if (options.redirect_port != 0)
    arguments.insert(arguments.end(), {"--redirect-port", std::to_string(options.redirect_port)});
  const auto tls = tls_arguments_of(options.tls);
  arguments.insert(arguments.end(), tls.begin(), tls.end());
  return arguments;
}

// Edge and control read these files themselves; what is wrong with them is told before anything
// starts.
Result<void> check_certificates(const ServeOptions& options) {
  if (!options.tls_listen.empty())
    TRY_VOID(net::tls::TlsServer::load(options.tls, Log(1, LogLevel::Error)));
  return {};
}
Result<void> check_edge_certificates(const ServeOptions& options) {
  if (options.edge_listen.empty()) return {};
  return check_peer_files(options.edge_files);
}

// Asks the engine to stop every agent and waits until they have, while it supervises on.
void stop_instances(const ServeOptions& options, Supervisor& supervisor, const Log& log) {
  const auto engine = make_engine(options.engine, options.state_dir, log);
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
  log.warning("Instances still stopping; the next start adopts them");
}

// Ends everything in order: the edge first, so that requests end well; control next, so that it
// does not replace the instances that are stopped after it; the node last.
void stop_all(const ServeOptions& options, Supervisor& supervisor, Takeover& takeover,
              const Log& log) {
  takeover.hurry();
  supervisor.stop("edge", edge::kDrainTimeout + kEdgeStopMargin);
  supervisor.stop("control", kRoleStopTimeout);
  if (options.stop_instances) stop_instances(options, supervisor, log);
  supervisor.stop("node", kRoleStopTimeout);
  const Instant last =
      system_clock().now() +
      (supervisor.is_hasty() ? kHastyStopTimeout : edge::kDrainTimeout + kEdgeStopMargin);
  while (takeover.is_any_running() && system_clock().now() < last)
    supervisor.turn(system_clock().now() + kTakeoverTurn);
  takeover.kill();
}

// Tells `pac upgrade` how the takeover that it asked for goes.
class UpgradeTeller {
 public:
  // `id` is empty when nobody asked.
  UpgradeTeller(fs::path run_dir, std::string id, const Log& log)
      : run_dir_(std::move(run_dir)), id_(std::move(id)), log_(log) {}

  void tell(UpgradeReport::State state, std::string error = {}) {
    if (id_.empty()) return;
    const UpgradeReport report{.id = id_, .state = state, .error = std::move(error)};
    if (const auto written = write_upgrade_report(run_dir_, report); !written)
      log_.error("Upgrade not reported", {{"error", written.error().message}});
  }
  void look(const Takeover& takeover) {
    if (is_told_) return;
    if (takeover.is_over())
      tell(UpgradeReport::State::Done);
    else if (!takeover.failure().empty())
      tell(UpgradeReport::State::Failed, takeover.failure());
    else
      return;
    is_told_ = true;
  }

 private:
  fs::path run_dir_;
  std::string id_;
  const Log& log_;
  bool is_told_ = false;
};

// What would end the new program at its start is found out before anything is changed.
Result<void> check_upgrade(const ServeOptions& options, const fs::path& program) {
  if (has_node(options.engine))
    TRY_VOID(engine::node::find_par_program(own_environment(), program));
  TRY_VOID(check_engine(options.engine));
  TRY_VOID(check_certificates(options));
  TRY_VOID(check_edge_certificates(options));
  return check_program(program);
}

// Becomes the program that `pac upgrade` asks for. Returns only when that failed, and all goes on.
void upgrade(const ServeOptions& options, const ServeClaim& claim, Supervisor& supervisor,
             const Log& log) {
  const fs::path run_dir = claim.state_dir / "run";
  const auto request = read_upgrade_request(run_dir);
  if (!request) {
    log.error("Not upgraded", {{"error", request.error().message}});
    return;
  }
  UpgradeTeller teller(run_dir, request->id, log);
  teller.tell(UpgradeReport::State::Running);
  const fs::path program = request->program.empty() ? options.program : request->program;
  log.info("Upgrading", {{"program", program.string()}});
  const Result<void> ready = check_upgrade(options, program);
  Error failure;
  if (ready) {
    supervisor.end_unready();
    failure = become_program(program, claim);
  } else {
    failure = ready.error();
  }
  log.error("Not upgraded", {{"error", failure.message}});
  teller.tell(UpgradeReport::State::Failed, failure.message);
}

Result<void> run(ServeOptions options, int signal_fd, const Log& log) {
  ServeHandover handover = take_serve_handover();
  const bool is_upgraded = static_cast<bool>(handover.lock);
  // Without it no agent could ever start, and the node would be restarted for ever.
  if (has_node(options.engine)) TRY_VOID(engine::node::find_par_program(own_environment()));
  // The same of control.
  TRY_VOID(check_engine(options.engine));
  TRY_VOID(packages_bucket(own_environment()));
  options.program = own_program();
  TRY_VOID(check_certificates(options));
  std::vector<std::string> edge_listen;
  if (!options.edge_listen.empty()) edge_listen.push_back(options.edge_listen);
  TRY(const ServeClaim claim, claim_state_and_ports(options.state_dir,
                                                    {.plain = options.listen,
                                                     .also = options.also_listen,
                                                     .tls = options.tls_listen,
                                                     .redirect = options.redirect_listen,
                                                     .edges = edge_listen},
                                                    std::move(handover)));
  options.state_dir = claim.state_dir;
  const fs::path run_dir = options.state_dir / "run";
  if (!options.edge_listen.empty()) {
    TRY(options.edge_files, place_peer_files(options.edge_peer, run_dir / "edge_listener"));
    TRY_VOID(check_edge_certificates(options));
  }
  TRY_VOID(write_file_atomically(run_dir / "serve.pid", fmt::format("{}\n", ::getpid())));
  UpgradeRequest request;
  if (is_upgraded) {
    TRY(request, read_upgrade_request(run_dir));
  }
  Takeover takeover(running_roles(options.state_dir),
                    {.drain = request.drain, .clock = system_clock(), .log = log});
  TRY_VOID(record_role(options.state_dir, "serve"));
  log.info("Pixell serves", {{"listen", claim.addresses},
                             {"tls_listen", claim.tls_addresses},
                             {"redirect_listen", claim.redirect_addresses},
                             {"edge_listen", claim.edge_addresses},
                             {"state", options.state_dir.string()}});
  if (!claim.missed.empty())
    log.warning("An address is not served: pixell-sdk's --env local will not find Pixell there",
                {{"reason", claim.missed}});

  UpgradeTeller teller(run_dir, request.id, log);
  Supervisor supervisor(make_roles(options, claim.listeners),
                        {.run_dir = run_dir,
                         .signal_fd = signal_fd,
                         .clock = system_clock(),
                         .log = log,
                         .takeover = &takeover,
                         .on_turn = [&] { teller.look(takeover); }});
  while (!supervisor.is_stopping()) {
    supervisor.run_until_asked();
    if (supervisor.take_upgrade_request() && !supervisor.is_stopping())
      upgrade(options, claim, supervisor, log);
  }
  stop_all(options, supervisor, takeover, log);
  std::error_code ignored;  // a stale pid file names a process that is gone
  fs::remove(run_dir / "serve.pid", ignored);
  forget_role(options.state_dir, ::getpid());
  return {};
}

// The signals the supervisor waits for. A closed terminal stops Pixell in order, unless it was
// started to outlive it (nohup).
sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGCHLD, SIGUSR2}) sigaddset(&signals, signal);
  struct sigaction hangup {};
  if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
    sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

std::vector<Role> make_roles(const ServeOptions& options, const PublicListeners& listeners) {
  std::vector<Role> roles;
  if (has_node(options.engine))
    roles.push_back(make_role(options, "node", {"--state", options.state_dir.string()}, listeners));
  roles.push_back(make_role(options, "control", control_arguments(options, listeners), listeners));
  roles.push_back(make_role(options, "edge", edge_arguments(options, listeners), listeners));
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
