#include "par/worker/worker_slot.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "par/limits.hpp"
#include "par/worker/connect_probe.hpp"

namespace pixell::par {

using model::Cause;
using model::make_failure;

WorkerSlot::WorkerSlot(const WorkerSlotContext& context, int number, MakePlan make_plan,
                       WorkerSlotOwner& owner)
    : context_(context),
      number_(number),
      make_plan_(std::move(make_plan)),
      owner_(owner),
      worker_(context.loop, context.children, *this, context.oom_kills, context.log),
      grpc_probe_(context.loop, context.client) {}

// In a later turn, so that a start that fails is told like any other failure.
void WorkerSlot::start() {
  start_timer_ = context_.loop.after(Millis(0), [this] { begin(); });
}

Millis WorkerSlot::start_again(Millis lived) {
  const Millis pause = restarts_.next_pause(lived);
  start_timer_ = context_.loop.after(pause, [this] {
    late_timer_ = context_.loop.after(context_.restart_timeout, [this] { fail_late(); });
    begin();
  });
  return pause;
}

void WorkerSlot::fail_late() {
  worker_.fail(make_failure(Cause::StartupTimeout,
                            fmt::format("The agent's process did not answer within {} ms of its "
                                        "restart (STARTUP_TIMEOUT_SEC)",
                                        context_.restart_timeout.count()),
                            worker_.evidence()));
}

void WorkerSlot::begin() {
  if (const auto started = start_worker(); !started)
    owner_.slot_lost(*this,
                     make_failure(Cause::Internal, "The agent's process could not be started: " +
                                                       started.error().message),
                     Millis(0));
}

void WorkerSlot::cancel_start() { start_timer_.cancel(); }

Result<void> WorkerSlot::start_worker() {
  TRY(plan_, make_plan_());
  for (const std::string* path : {&plan_.rest_socket, &plan_.http_socket, &plan_.grpc_socket})
    if (!path->empty()) ::unlink(path->c_str());  // of a worker that died
  return worker_.start(plan_);
}

net::Address WorkerSlot::http_address() const {
  const std::uint16_t port = worker_.hello().http_server_port;
  return {port != 0 ? fmt::format("127.0.0.1:{}", port) : "unix:" + plan_.http_socket};
}

void WorkerSlot::worker_loaded() {
  owner_.slot_loaded();
  // The owner may have ended it.
  if (worker_.state() == Worker::State::Up) probe();
}

void WorkerSlot::probe() {
  const Hello& hello = worker_.hello();
  const bool is_on_socket = hello.http_server && hello.http_server_port == 0;
  for (const auto& [is_served, path] :
       {std::pair(hello.rest, &plan_.rest_socket), {is_on_socket, &plan_.http_socket}})
    if (is_served && !accepts_on_socket(*path, plan_.sandbox.user))
      return worker_.fail(make_failure(
          Cause::HandlerError, "The agent's process does not accept connections on unix:" + *path,
          worker_.evidence()));
  if (hello.a2a != A2aKind::Servicer) return up();
  probe_started_ = context_.loop.clock().now();
  ask_servicer();
}

void WorkerSlot::ask_servicer() {
  grpc_probe_.ask(grpc_address(), kProbeTryTimeout, [this](Result<void> answer) {
    if (worker_.state() != Worker::State::Up) return;
    if (answer) return up();
    if (context_.loop.clock().now() - probe_started_ < kProbeTimeout) {
      probe_pause_ = context_.loop.after(kProbePause, [this] { ask_servicer(); });
      return;
    }
    auto evidence = worker_.evidence();
    evidence.emplace_back("a2a.service: Health of the servicer it returned");
    worker_.fail(make_failure(
        Cause::HandlerError,
        fmt::format("The agent's gRPC servicer did not answer Health within {} ms: {}",
                    kProbeTimeout.count(), answer.error().message),
        std::move(evidence), "Let Health answer at once; long work belongs in Invoke."));
  });
}

void WorkerSlot::up() {
  late_timer_.cancel();
  is_up_ = true;
  owner_.slot_up(*this);
}

void WorkerSlot::worker_lost(model::Failure failure, Millis lived) {
  is_up_ = false;
  late_timer_.cancel();
  probe_pause_.cancel();
  owner_.slot_lost(*this, std::move(failure), lived);
}

void WorkerSlot::worker_stopped() {
  is_up_ = false;
  late_timer_.cancel();
  probe_pause_.cancel();
  owner_.slot_stopped();
}

}  // namespace pixell::par
