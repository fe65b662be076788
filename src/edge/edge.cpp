#include "edge/edge.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <future>
#include <random>
#include <thread>

#include "base/check.hpp"
#include "edge/edge_service.hpp"
#include "edge/health_checker.hpp"
#include "edge/https_redirect.hpp"
#include "edge/limits.hpp"
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
    auto worker = std::make_unique<Worker>();
    TRY(worker->loop, net::EventLoop::create());
    const std::uint64_t seed = (std::uint64_t{seeds()} << 32) | seeds();
    EdgeService::Parts parts{.api = api,
                             .seed = seed,
                             .trusted = settings.trusted,
                             .apps = &edge->apps_,
                             .parking = settings.parking};
    if (i == 0) worker->health = std::make_unique<HealthChecker>(*worker->loop);
    TRY(parts.overload, Overload::create(*worker->loop, settings.overload, log));
    worker->service = std::make_unique<EdgeService>(*worker->loop, log, std::move(parts));
    worker->server =
        std::make_unique<net::HttpServer>(*worker->loop, *worker->service, log, settings.server);
    worker->redirect = std::make_unique<HttpsRedirect>(edge->listeners_.https_port);
    edge->workers_.push_back(std::move(worker));
  }
  for (auto& worker : edge->workers_)
    worker->thread = std::thread([loop = worker->loop.get()] { loop->run(); });
  return edge;
}

Result<void> Edge::publish(std::shared_ptr<const RouteTable> table) {
  std::vector<std::future<void>> done;
  std::vector<TrafficMeter::Cells> cells = traffic_.cells_for(*table);
  const std::vector<AppInForce> apps = apps_.in_force(*table, system_clock().now());
  const std::shared_ptr<const TargetSet> targets = targets_.targets_for(*table);
  const UnixMillis now = system_clock().unix_now();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    auto promise = std::make_shared<std::promise<void>>();
    done.push_back(promise->get_future());
    auto routes = std::make_shared<RoutesInForce>(table, now, std::move(cells[i]), apps, targets);
    workers_[i]->loop->post([promise, service = workers_[i]->service.get(), routes]() mutable {
      service->use_routes(std::move(routes));
      promise->set_value();
    });
  }
  for (std::future<void>& one : done)
    if (one.wait_for(kPublishTimeout) != std::future_status::ready)
      return make_error(ErrorCode::DeadlineExceeded,
                        fmt::format("an edge loop did not take the new routes within {} ms",
                                    kPublishTimeout.count()));
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
  for (auto& worker : workers_) {
    if (!worker->thread.joinable()) continue;
    worker->loop->post([worker = worker.get()] {
      worker->repeater.cancel();
      worker->server->close_all();
      worker->loop->stop();
    });
    worker->thread.join();
  }
}

}  // namespace pixell::edge
