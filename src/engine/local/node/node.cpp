#include "engine/local/node/node.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "engine/local/node/instance_table.hpp"
#include "engine/local/node/limits.hpp"
#include "engine/local/node/node_context.hpp"
#include "engine/local/node/node_server.hpp"
#include "engine/records/installation_mark.hpp"
#include "net/event_loop.hpp"
#include "net/server.hpp"
#include "net/sockets.hpp"

namespace pixell::engine::node {

namespace fs = std::filesystem;

struct Node::Impl {
  Impl(NodeContext made, std::vector<std::string> notes, bool reaps)
      : context(std::move(made)),
        table(context, std::move(notes)),
        service(context.loop, table),
        server(context.loop, service, context.log, {.max_connections = kMaxNodeConnections}),
        reaps_orphans(reaps) {
    context.changed = [this] { announce(); };
  }

  // Several changes of one turn wake the waiting clients once.
  void announce() {
    table.changed();
    if (!announcement.is_set())
      announcement = context.loop.after(Millis(0), [this] {
        announcement = net::Timer();
        service.on_changed();
      });
  }

  void tick() {
    table.on_tick(reaps_orphans);
    ticker = context.loop.after(kTick, [this] { tick(); });
  }

  UniqueFd lock;
  NodeContext context;
  InstanceTable table;
  NodeServer service;
  net::HttpServer server;
  bool reaps_orphans;
  net::Timer announcement;
  net::Timer ticker;
};

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Node::~Node() {
  impl_->context.changed = [] {};
  impl_->server.close_all();
  impl_->context.cgroups.remove_if_empty();
}

fs::path node_socket(const fs::path& state_dir) { return state_dir / "run" / "node.sock"; }

namespace {

// Makes the state directory and brings it into the one form that identities are made from.
Result<fs::path> prepare_state_dir(const fs::path& wanted) {
  TRY_VOID(make_directories(wanted, 0711));
  std::error_code failed;
  const fs::path state_dir = fs::canonical(wanted, failed);
  if (failed) return errno_error(fmt::format("cannot find {}", wanted.string()), failed.value());
  if (state_dir.string().size() > kMaxStateDirBytes)
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("the state directory {} has a path of more than {} bytes, too long for the "
                    "sockets in it; choose a shorter one with --state",
                    state_dir.string(), kMaxStateDirBytes));
  // Agents get through to their own directories, and see nothing else on the way.
  if (::geteuid() == 0 && ::chmod(state_dir.c_str(), 0711) != 0)
    return errno_error(fmt::format("cannot set the mode of {}", state_dir.string()), errno);
  TRY_VOID(make_directories(state_dir / "run", 0700));
  return state_dir;
}

}  // namespace

Result<std::unique_ptr<Node>> Node::start(NodeOptions options, net::EventLoop& loop, Log log) {
  TRY(const ProbeSettings probes, probe_settings(options.environment));
  TRY(const fs::path state_dir, prepare_state_dir(options.state_dir));
  TRY(UniqueFd lock, lock_file(state_dir / "run" / "node.lock", kNodeLockTimeoutMs));

  Cgroups cgroups = Cgroups::detect(installation_mark(state_dir).text, options.cgroup_root);
  const UserIdChoice users = choose_user_ids(state_dir, ::geteuid());
  std::vector<std::string> notes = cgroups.notes();
  if (!users.note.empty()) notes.push_back(users.note);
  for (const std::string& note : notes) log.warning("Isolation is degraded", {{"note", note}});

  NodeContext context{.loop = loop,
                      .clock = loop.clock(),
                      .log = log,
                      .state_dir = state_dir,
                      .par_program = options.par_program,
                      .environment = std::move(options.environment),
                      .cgroups = std::move(cgroups),
                      .user_ids = UserIds(users.first),
                      .client = std::make_unique<net::HttpClient>(loop, kProbeClient),
                      .probes = probes};
  auto impl = std::make_unique<Impl>(std::move(context), std::move(notes), options.reaps_orphans);
  impl->lock = std::move(lock);
  TRY_VOID(impl->table.open());
  TRY(UniqueFd socket, net::listen_unix(node_socket(state_dir), 0600));
  TRY_VOID(impl->server.listen(std::move(socket), "node"));
  impl->tick();
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

namespace {

// Ends the loop at the first signal.
class SignalStop final : public net::FdHandler {
 public:
  SignalStop(net::EventLoop& loop, UniqueFd fd, const Log& log)
      : loop_(loop), fd_(std::move(fd)), log_(log) {}
  ~SignalStop() override { loop_.remove(fd_.get()); }
  Result<void> watch() { return loop_.add(fd_.get(), *this, EPOLLIN | EPOLLET); }

 private:
  void on_ready(std::uint32_t) override {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != sizeof info) return;
    log_.info("Received shutdown signal", {{"signal", info.ssi_signo}});
    loop_.stop();
  }

  net::EventLoop& loop_;
  UniqueFd fd_;
  const Log& log_;
};

Result<void> run(NodeOptions options, const Log& log) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  // Before any thread is made; programs that are started get an empty mask again.
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signal_fd) return errno_error("cannot watch signals", errno);
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    return errno_error("cannot become the subreaper", errno);
  options.reaps_orphans = true;

  TRY(const std::unique_ptr<net::EventLoop> loop, net::EventLoop::create());
  SignalStop stop(*loop, std::move(signal_fd), log);
  TRY_VOID(stop.watch());
  const std::string socket = node_socket(options.state_dir).string();
  const std::string par = options.par_program.string();
  const auto on_ready = options.on_ready;
  net::Timer ticker;
  const std::function<void()> tick = [&, on_tick = options.on_tick] {
    on_tick();
    ticker = loop->after(kTick, [&tick] { tick(); });
  };
  TRY(const std::unique_ptr<Node> node, Node::start(std::move(options), *loop, log));
  loop->post(tick);
  on_ready();
  log.info("Node ready", {{"socket", socket}, {"par", par}});
  loop->run();
  return {};
}

}  // namespace

int run_node(NodeOptions options, const Log& log) {
  const auto ended = run(std::move(options), log);
  if (!ended) {
    log.error("Node cannot run", {{"error", ended.error().message}});
    return 1;
  }
  log.info("Node stopped; instances keep running");
  return 0;
}

Result<fs::path> find_par_program(const std::map<std::string, std::string>& environment,
                                  const fs::path& pac) {
  const auto named = environment.find("PIXELL_PAR");
  std::error_code failed;
  const fs::path self = pac.empty() ? fs::read_symlink("/proc/self/exe", failed) : pac;
  const fs::path program = named != environment.end() && !named->second.empty()
                               ? fs::path(named->second)
                               : self.parent_path() / "par";
  if (::access(program.c_str(), X_OK) != 0)
    return make_error(ErrorCode::NotFound,
                      fmt::format("the runtime program {} is not there; set PIXELL_PAR to its path",
                                  program.string()));
  return fs::absolute(program);
}

}  // namespace pixell::engine::node
