#pragma once

#include <functional>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "model/boot_report.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "par/worker/agent_process.hpp"
#include "par/worker/grpc_probe.hpp"
#include "par/worker/restart_policy.hpp"
#include "par/worker/worker.hpp"

namespace pixell::par {

class WorkerSlot;

/// Told about one slot.
class WorkerSlotOwner {
 public:
  virtual ~WorkerSlotOwner() = default;
  /// Its worker has loaded the agent and is asked now whether it answers.
  virtual void slot_loaded() = 0;
  /// Its worker answers on every surface.
  virtual void slot_up(WorkerSlot& slot) = 0;
  /// Its worker is gone, or could not be started; start_again() is the owner's to call.
  virtual void slot_lost(WorkerSlot& slot, model::Failure failure, Millis lived) = 0;
  /// Its worker is gone after stop().
  virtual void slot_stopped() = 0;
};

/// What the slots of one agent share; all of it outlives them.
struct WorkerSlotContext {
  net::EventLoop& loop;
  Children& children;
  net::HttpClient& client;
  const Log& log;
  OomKills& oom_kills;
  /// A worker that was started again and does not answer by then is ended. The first start is
  /// watched by whoever boots.
  Millis restart_timeout{0};
};

/// One of the places for a worker: starts it, asks whether it answers, starts another one with
/// back-off after it died.
class WorkerSlot final : private WorkerOwner {
 public:
  /// Says how the slot's worker is started; asked anew for each start.
  using MakePlan = std::function<Result<WorkerPlan>()>;

  WorkerSlot(const WorkerSlotContext& context, int number, MakePlan make_plan,
             WorkerSlotOwner& owner);

  /// Starts the worker. The owner is told of the outcome, later.
  void start();
  /// Starts another one after a pause, which is returned: it grows with each that lived briefly.
  Millis start_again(Millis lived);
  /// A start that waits does not happen.
  void cancel_start();

  Worker& worker() { return worker_; }
  const Worker& worker() const { return worker_; }
  bool is_up() const { return is_up_; }
  bool is_running() const { return worker_.state() != Worker::State::Down; }
  int number() const { return number_; }
  int restarts() const { return restarts_.restarts(); }

  /// Where the running worker serves.
  net::Address rest_address() const { return {"unix:" + plan_.rest_socket}; }
  net::Address grpc_address() const { return {"unix:" + plan_.grpc_socket}; }
  net::Address http_address() const;

  /// Requests that were passed on to it and have not ended, and calls.
  std::size_t busy() const { return claims_ + worker_.running_calls(); }
  void claim() { ++claims_; }
  void release() { --claims_; }

 private:
  void worker_loaded() override;
  void worker_lost(model::Failure failure, Millis lived) override;
  void worker_stopped() override;
  void begin();
  void fail_late();
  Result<void> start_worker();
  void probe();
  void ask_servicer();
  void up();

  const WorkerSlotContext& context_;
  int number_;
  MakePlan make_plan_;
  WorkerSlotOwner& owner_;
  Worker worker_;
  WorkerPlan plan_;
  RestartPolicy restarts_;
  GrpcProbe grpc_probe_;
  Instant probe_started_{};
  net::Timer probe_pause_;
  net::Timer start_timer_;
  net::Timer late_timer_;
  std::size_t claims_ = 0;
  bool is_up_ = false;
};

}  // namespace pixell::par
