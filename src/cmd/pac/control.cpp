#include "cmd/pac/control.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/api.hpp"
#include "api/package_files.hpp"
#include "apkg/package_store.hpp"
#include "aws/s3.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/thread_pool.hpp"
#include "cmd/pac/edge_listener.hpp"
#include "cmd/pac/edge_measurements.hpp"
#include "cmd/pac/edge_registry.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/package_mirror.hpp"
#include "cmd/pac/state_restore.hpp"
#include "cmd/pac/stored_package_importer.hpp"
#include "cmd/pac/traffic_follower.hpp"
#include "engine/traffic_mover.hpp"
#include "net/blocking_service.hpp"
#include "net/event_loop.hpp"
#include "net/server.hpp"
#include "net/sockets.hpp"
#include "net/tls/limits.hpp"
#include "reconcile/loop.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

// The pids of the roles as their supervisor wrote them.
nlohmann::json role_pids(const fs::path& state_dir) {
  nlohmann::json roles = nlohmann::json::object();
  for (const char* role : {"serve", "control", "edge", "node"}) {
    const auto text = read_file(state_dir / "run" / (std::string(role) + ".pid"));
    if (text) roles[role] = {{"pid", std::atol(text->c_str())}};
  }
  return roles;
}

Result<nlohmann::json> describe(const ControlOptions& options, engine::Engine& engine) {
  const fs::path& state_dir = options.role.state_dir;
  const engine::Capabilities can = engine.capabilities();
  TRY(const std::string installation, cloud_installation(options.engine, state_dir));
  nlohmann::json shown = {{"name", can.name},
                          {"scales", engine.scaler() != nullptr},
                          {"own_users", can.own_users},
                          {"memory_limits", can.memory_limits},
                          {"cpu_limits", can.cpu_limits},
                          {"notes", can.notes}};
  if (!installation.empty()) shown["installation"] = installation;
  return nlohmann::json{
      {"version", PIXELL_VERSION}, {"roles", role_pids(state_dir)}, {"engine", std::move(shown)}};
}

std::string why_not_scaled(engine::Engine& engine, const std::string& name) {
  if (engine.scaler() != nullptr) return {};
  return fmt::format(
      "the engine {} cannot scale by itself: set instances, or serve with --engine ecs", name);
}

Result<api::LogPiece> read_log(engine::Engine& engine, std::string_view instance,
                               const api::LogRange& range) {
  TRY(engine::LogPiece piece,
      engine.read_log(instance, {.from = range.from, .max_bytes = range.max_bytes}));
  return api::LogPiece{.text = std::move(piece.text), .from = piece.from, .next = piece.next};
}

// Null for an engine whose instances nothing but our edges brings requests to.
decltype(api::ApiContext::find_balancer) balancer_finder(const engine::TrafficMover* mover) {
  if (mover == nullptr) return {};
  return [mover](const std::string& app) { return mover->view_of(app); };
}

// What serve_api() serves and with what.
struct ApiParts {
  const ControlOptions& options;
  const api::ApiContext& context;
  const RoleLife& life;
  std::function<void()> on_turn;  // called every net::tls::kFilePoll
};

// Waits for a stop signal; `turn` is called every net::tls::kFilePoll meanwhile.
int wait_for_signal(const sigset_t& signals, const std::function<void()>& turn) {
  const timespec period{
      .tv_sec = std::chrono::duration_cast<std::chrono::seconds>(net::tls::kFilePoll).count(),
      .tv_nsec = 0};
  while (true) {
    const int signal = ::sigtimedwait(&signals, nullptr, &period);
    if (signal > 0) return signal;
    turn();
  }
}

// Serves the API on its Unix socket, and edges of other machines on the listener for them, until a
// stop signal comes.
Result<void> serve_api(const ApiParts& parts, const sigset_t& signals, std::stop_source& stop,
                       const Log& log) {
  const RoleLife& life = parts.life;
  const fs::path socket = control_socket(life.state_dir());
  TRY(auto loop, net::EventLoop::create());
  ThreadPool pool(kApiThreads);
  const auto service = net::make_blocking_service(*loop, pool, api::make_api(parts.context));
  std::unique_ptr<EdgeListener> edges;  // outlives the server
  if (parts.options.edge_listen_fd >= 0) {
    TRY(edges, EdgeListener::make(parts.options.edge_files, *loop, parts.context, log));
  }
  net::HttpServer server(*loop, *service, log);
  TRY(UniqueFd listener, net::listen_unix(socket));
  TRY_VOID(server.listen(std::move(listener), "control"));
  if (edges) TRY_VOID(edges->listen(server, parts.options.edge_listen_fd));
  net::Timer beat;
  const std::function<void()> beat_on = [&] {
    life.line().beat(0);
    beat = loop->after(kBeatPeriod, [&] { beat_on(); });
  };
  loop->post(beat_on);
  std::thread thread([&loop] { loop->run(); });
  life.line().ready();
  log.info("Control ready", {{"socket", socket.string()}});
  const int signal = wait_for_signal(signals, [&] {
    if (edges) edges->look_at_files();
    parts.on_turn();
  });
  log.info("Received shutdown signal", {{"signal", signal}});
  stop.request_stop();
  // Handlers finish and their replies leave before the loop ends; what takes too long is cut.
  net::Timer cut;
  loop->post([&] {
    beat.cancel();
    cut = loop->after(kApiDrainTimeout, [&] {
      log.warning("API requests cut", {{"requests", server.active_streams()}});
      server.close_all();
      loop->stop();
    });
    server.drain([&loop] { loop->stop(); });
    server.stop_accepting();
  });
  thread.join();
  pool.stop();
  if (edges) edges->stop();
  return {};
}

void sweep(const api::PackageFiles& files, const Log& log) {
  // What costs space only is no reason not to serve.
  if (const auto swept = api::sweep_package_files(files); !swept)
    log.warning("Package files not swept", {{"error", swept.error().message}});
  else if (*swept > 0)
    log.info("Package files that nobody needs removed", {{"files", *swept}});
}

// Packages come from the outside, s3:// by this client.
apkg::PackageSourceParts package_source(aws::S3& s3) {
  apkg::PackageSourceParts source = apkg::system_package_source();
  source.download = [&s3](const aws::ObjectDownload& wanted) { return s3.download(wanted); };
  return source;
}

// What the API works on.
struct Served {
  const ControlOptions& options;
  store::Store& store;
  const apkg::PackageStore& packages;
  engine::Engine& engine;
  EdgeRegistry& edges;
  EdgeMeasurements& measurements;
  reconcile::Reconciler& reconciler;
  api::Waits& waits;
  const Log& log;
};

api::ApiContext context_of(const Served& on, std::stop_token stop) {
  return {
      .store = on.store,
      .packages = on.packages,
      .clock = system_clock(),
      .log = on.log,
      .allow_file_dirs = on.options.allow_file_dirs,
      .allowed_hosts = on.options.allowed_hosts,
      .on_edge_poll =
          [on](std::string_view edge, std::int64_t generation) {
            on.edges.heard(edge, generation);
            on.reconciler.wake();
          },
      .on_edge_measurements =
          [on](std::string_view edge, const model::TrafficReport& report) {
            return on.measurements.take(edge, report);
          },
      .describe_system = [on] { return describe(on.options, on.engine); },
      .read_log = [on](std::string_view instance,
                       const api::LogRange& range) { return read_log(on.engine, instance, range); },
      .read_usage = [on](std::string_view instance) { return on.engine.usage(instance); },
      .find_balancer = balancer_finder(on.engine.traffic_mover()),
      .cannot_scale = why_not_scaled(on.engine, on.options.engine.name),
      .waits = on.waits,
      .stop = std::move(stop)};
}

Result<void> run(const ControlOptions& options, const sigset_t& signals, const Log& log) {
  TRY(const auto life, RoleLife::begin("control", options.role));
  TRY_VOID(make_directories(options.role.state_dir / "run"));
  // With this lock held no other control process works on the store, so its lease may be taken
  // over.
  TRY(const UniqueFd lock,
      lock_file(options.role.state_dir / "run" / "control.lock", kControlLockTimeoutMs));
  clean_up_cut_restore(options.role.state_dir, log);
  TRY(const auto store,
      store::make_sqlite_store(options.role.state_dir / "pixell.db", system_clock()));
  TRY(const apkg::PackageStore packages,
      apkg::PackageStore::open(options.role.state_dir / "packages"));
  StoreRuleBook rules(*store);
  TRY(const auto engine, make_engine(options.engine, options.role.state_dir, log, &rules));
  TRY(const std::string bucket, packages_bucket(own_environment()));
  aws::S3 s3(aws::real_outside(), own_environment());
  StoredPackageImporter importer(packages, options.role.state_dir / "downloads",
                                 private_package_hosts(own_environment()), package_source(s3));
  importer.remove_leftovers();
  api::Waits waits;
  const api::PackageFiles files{*store, packages, waits.package_files};
  importer.remove_by(
      [&](std::string_view sha256) { return api::remove_package_file(files, sha256); });
  sweep(files, log);
  PackageMirror mirror({.store = *store,
                        .packages = packages,
                        .files = waits.package_files,
                        .s3 = s3,
                        .bucket = bucket,
                        .outside = aws::real_outside(),
                        .log = log});
  if (!sees_our_disk(options.engine))
    importer.publish_by([&mirror](const model::AgentApp& app, const model::Package& package) {
      return mirror.publish(app, package);
    });
  EdgeRegistry edges(system_clock(), options.edge_listen_fd >= 0 ? kEdgeReturn : Millis(0));
  EdgeMeasurements measurements(system_clock());
  std::stop_source stop;
  TrafficFollower follower(
      {.store = *store, .edges = edges, .mover = engine->traffic_mover(), .log = log});
  reconcile::Reconciler reconciler({.store = *store,
                                    .engine = *engine,
                                    .importer = importer,
                                    .edges = follower,
                                    .signals = measurements,
                                    .clock = system_clock(),
                                    .log = log},
                                   {.takes_lease_over = true});
  const api::ApiContext context = context_of({.options = options,
                                              .store = *store,
                                              .packages = packages,
                                              .engine = *engine,
                                              .edges = edges,
                                              .measurements = measurements,
                                              .reconciler = reconciler,
                                              .waits = waits,
                                              .log = log},
                                             stop.get_token());
  TRY_VOID(reconciler.start());
  follower.start([&reconciler] { reconciler.wake(); });
  if (!bucket.empty()) mirror.start();
  // Nobody says that the edges have settled: those who wait for it look again.
  const auto look = [&] {
    if (edges.has_just_settled()) reconciler.wake();
  };
  const auto served = serve_api({options, context, *life, look}, signals, stop, log);
  follower.stop();
  reconciler.stop();
  return served;
}

}  // namespace

fs::path control_socket(const fs::path& state_dir) { return state_dir / "run" / "control.sock"; }

int run_control(const ControlOptions& options) {
  const Log log = Log().with("role", "control");
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread is made
  ::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads any more must not end control
  if (const auto ran = run(options, signals, log); !ran) {
    log.error("Control cannot run",
              {{"error", ran.error().message}, {"detail", ran.error().detail}});
    return 1;
  }
  log.info("Control stopped");
  return 0;
}

}  // namespace pixell::cmd
