#include "edge/edge.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <random>
#include <thread>

#include "base/check.hpp"
#include "base/process_usage.hpp"
#include "base/prometheus_text.hpp"
#include "edge/edge_service.hpp"
#include "edge/health_checker.hpp"
#include "edge/https_redirect.hpp"
#include "edge/limits.hpp"
#include "edge/metrics_page.hpp"
#include "net/blocking_service.hpp"
#include "net/event_loop.hpp"
#include "net/server.hpp"

namespace pixell::edge {

// Members in order of life: the service and the server refer to the loop, the thread runs it.
struct Edge::Worker {
  std::unique_ptr<net::EventLoop> loop;
  std::unique_ptr<HealthChecker> health;  // the first worker's, for all
  std::unique_ptr<EdgeService> service;
  std::unique_ptr<HttpsRedirect> redirect;
  std::unique_ptr<net::HttpServer> server;
  std::function<void()> repeated;
  net::Timer repeater;  // belongs to the loop thread
  std::thread thread;
};

Edge::Edge(int threads, EdgeListeners listeners, Log log)
    : listeners_(std::move(listeners)),
      log_(std::move(log)),
      access_log_writer_(log_.fd()),
      traffic_(threads, system_clock()),
      targets_(system_clock(), [this] { workers_.front()->health->look_soon(); }) {}

Edge::~Edge() { stop(); }

Result<void> Edge::listen(const EdgeListeners& listeners, Worker& worker) {
  const auto listen_on = [&](const std::vector<UniqueFd>& sockets,
                             const net::ListenOptions& options) -> Result<void> {
    for (const UniqueFd& socket : sockets) {
      UniqueFd copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
      if (!copy) return errno_error("cannot duplicate a listening socket", errno);
      TRY_VOID(worker.server->listen(std::move(copy), options));
    }
    return {};
  };
  TRY_VOID(listen_on(listeners.plain, {.name = "public"}));
  TRY_VOID(listen_on(listeners.encrypted, {.name = "public", .transports = listeners.transports}));
  return listen_on(listeners.redirects, {.name = "redirect", .service = worker.redirect.get()});
}

Result<std::unique_ptr<Edge>> Edge::start(EdgeListeners listeners, net::Address api,
                                          const Settings& settings, Log log) {
  const int threads = settings.threads;
  if (threads < 1 || threads > kMaxThreads)
    return make_error(ErrorCode::InvalidArgument,
                      fmt::format("edge threads must be 1 to {}, not {}", kMaxThreads, threads));
  CHECK(listeners.encrypted.empty() || listeners.transports != nullptr,
        "who listens encrypted says with what");
  std::unique_ptr<Edge> edge(new Edge(threads, std::move(listeners), log));
  std::random_device seeds;
  for (int i = 0; i < threads; ++i) {
    const std::uint64_t seed = (std::uint64_t{seeds()} << 32) | seeds();
    TRY(auto worker, edge->make_worker(api, settings, seed));
    edge->workers_.push_back(std::move(worker));
  }
  for (auto& worker : edge->workers_)
    worker->thread = std::thread([loop = worker->loop.get()] { loop->run(); });
  return edge;
}

Result<std::unique_ptr<Edge::Worker>> Edge::make_worker(const net::Address& api,
                                                        const Settings& settings,
                                                        std::uint64_t seed) {
  auto worker = std::make_unique<Worker>();
  TRY(worker->loop, net::EventLoop::create());
  net::EventLoop& loop = *worker->loop;
  EdgeService::Parts parts{.api = api,
                           .seed = seed,
                           .trusted = settings.trusted,
                           .apps = &apps_,
                           .parking = settings.parking};
  if (workers_.empty()) worker->health = std::make_unique<HealthChecker>(loop);
  TRY(parts.overload, Overload::create(loop, settings.overload, log_));
  parts.access_log = std::make_unique<AccessLog>(loop, access_log_writer_, log_,
                                                 settings.access_log, workers_.size());
  parts.metrics = net::make_blocking_service(
      loop, metrics_pool_,
      [this](const net::RequestHead&, net::BodyReader&, net::ReplyWriter& reply) {
        net::ResponseHead head;
        head.headers.add("content-type", PrometheusText::kContentType);
        reply.reply(head, metrics());
      });
  worker->service = std::make_unique<EdgeService>(loop, log_, std::move(parts));
  worker->server = std::make_unique<net::HttpServer>(loop, *worker->service, log_, settings.server);
  worker->redirect = std::make_unique<HttpsRedirect>(listeners_.https_port);
  return worker;
}

std::string Edge::metrics() {
  EdgeFacts facts{.process = read_process_usage(::getpid())};
  {
    std::lock_guard lock(routes_mutex_);
    if (table_ != nullptr) {
      const std::chrono::duration<double> age = system_clock().now() - applied_at_;
      facts.generation = table_->generation();
      facts.routes = table_->routes().size();
      facts.routes_age_seconds = age.count();
      facts.is_from_file = table_->origin() == RouteTable::Origin::SnapshotFile;
    }
  }
  std::vector<std::future<LoopFacts>> asked;
  const Instant start = system_clock().now();
  for (auto& worker : workers_) {
    auto promise = std::make_shared<std::promise<LoopFacts>>();
    asked.push_back(promise->get_future());
    worker->loop->post([promise, start, worker = worker.get()] {
      const std::chrono::duration<double> lag = system_clock().now() - start;
      promise->set_value({.lag_seconds = lag.count(),
                          .connections = static_cast<std::int64_t>(worker->server->connections()),
                          .exchanges = static_cast<std::int64_t>(worker->server->active_streams()),
                          .log_lines_dropped = worker->service->access_log().lines_dropped(),
                          .server = worker->server->tally()});
    });
  }
  for (std::future<LoopFacts>& one : asked)
    facts.loops.push_back(one.wait_until(start + kLoopAnswerTimeout) == std::future_status::ready
                              ? std::optional(one.get())
                              : std::nullopt);
  AppSums sums = sum_of_apps(traffic_);
  add_mirrors(sums, apps_);
  return metrics_page(sums, facts);
}

Result<void> Edge::publish(std::shared_ptr<const RouteTable> table) {
  std::vector<std::future<void>> done;
  std::vector<TrafficMeter::Cells> cells = traffic_.cells_for(*table);
  const std::vector<AppInForce> apps = apps_.in_force(*table, system_clock().now());
  const std::shared_ptr<const TargetSet> targets = targets_.targets_for(*table);
  const UnixMillis now = system_clock().unix_now();
  // What is compared, copied and freed for 10,000 routes is no loop's work: the former table ends
  // here, when this one is in force.
  std::shared_ptr<const RouteTable> former;
  {
    std::lock_guard lock(routes_mutex_);
    former = table_;
  }
  const auto gone = std::make_shared<const std::vector<net::Address>>(
      former ? targets_gone(*former, *table) : std::vector<net::Address>());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    auto promise = std::make_shared<std::promise<void>>();
    done.push_back(promise->get_future());
    auto routes = std::make_shared<RoutesInForce>(table, now, std::move(cells[i]), apps, targets);
    workers_[i]->loop->post([promise, service = workers_[i]->service.get(), gone,
                             routes = std::move(routes)]() mutable {
      service->use_routes(std::move(routes), *gone);
      promise->set_value();
    });
  }
  for (std::future<void>& one : done)
    if (one.wait_for(kPublishTimeout) != std::future_status::ready)
      return make_error(ErrorCode::DeadlineExceeded,
                        fmt::format("an edge loop did not take the new routes within {} ms",
                                    kPublishTimeout.count()));
  {
    std::lock_guard lock(routes_mutex_);
    table_ = table;
    applied_at_ = system_clock().now();
  }
  traffic_.keep_only(*table);
  apps_.keep_only(*table);
  targets_.keep_only(*targets);
  workers_.front()->loop->post(
      [health = workers_.front()->health.get(), targets] { health->watch(targets); });
  return {};
}

ParkingFigures Edge::parked() const {
  ParkingFigures sum;
  for (const auto& worker : workers_) {
    const ParkingFigures one = worker->service->parked();
    sum.waiting += one.waiting;
    sum.parked += one.parked;
    sum.timed_out += one.timed_out;
    sum.refused += one.refused;
  }
  return sum;
}

Result<void> Edge::accept() {
  std::vector<std::future<Result<void>>> done;
  for (auto& worker : workers_) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    done.push_back(promise->get_future());
    worker->loop->post([this, promise, worker = worker.get()] {
      promise->set_value(listen(listeners_, *worker));
    });
  }
  Result<void> listened;
  for (auto& one : done)
    if (auto own = one.get(); !own) listened = std::move(own);
  for (auto* sockets : {&listeners_.plain, &listeners_.encrypted, &listeners_.redirects})
    sockets->clear();  // each loop has its own
  return listened;
}

void Edge::repeat(Millis period, std::function<void(int loop)> job) {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    Worker* worker = workers_[i].get();
    worker->repeated = [worker, period, job, i] {
      job(static_cast<int>(i));
      worker->repeater = worker->loop->after(period, [worker] { worker->repeated(); });
    };
    worker->loop->post([worker] { worker->repeated(); });
  }
}

void Edge::drain(net::IdleConnections idle, std::function<void()> done) {
  auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
  for (auto& worker : workers_)
    worker->loop->post([idle, left, done, server = worker->server.get()] {
      server->drain(
          [left, done] {
            if (left->fetch_sub(1) == 1) done();
          },
          idle);
      server->stop_accepting();
    });
}

void Edge::stop() {
  metrics_pool_.stop();  // it asks the loops
  for (auto& worker : workers_) {
    if (!worker->thread.joinable()) continue;
    worker->loop->post([worker = worker.get()] {
      worker->repeater.cancel();
      worker->server->close_all();
      worker->loop->stop();
    });
    worker->thread.join();
  }
  for (auto& worker : workers_) worker->service->access_log().flush();
  access_log_writer_.stop();
}

}  // namespace pixell::edge
