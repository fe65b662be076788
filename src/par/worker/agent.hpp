#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "model/boot_report.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "par/worker/worker_slot.hpp"

namespace pixell::par {

/// Told about the agent as a whole.
class AgentOwner {
 public:
  virtual ~AgentOwner() = default;
  /// Every worker has loaded it, and is asked now whether it answers. Once.
  virtual void agent_loaded() = 0;
  /// It answers on all its surfaces: the first time when every worker does, later when one does
  /// after none did.
  virtual void agent_up() = 0;
  /// It could not be brought up the first time; told once. What runs is the owner's to end.
  virtual void agent_failed(model::Failure failure) = 0;
  /// A worker died after the agent was up; another is started after a pause, unless hold() was
  /// called. is_up() tells whether others answer.
  virtual void worker_died() = 0;
  /// No worker is left after stop().
  virtual void agent_stopped() = 0;
};

/// How the agent's workers are started.
struct AgentPlan {
  int workers = 1;
  /// Says how worker `number` (from 0) is started; asked anew for each start.
  std::function<Result<WorkerPlan>(int number)> make_plan;
  /// How long one that is started again may take until it answers.
  Millis restart_timeout{0};
  /// The workers' user when nobody else has it: with the last of them, all its processes end.
  std::optional<uid_t> own_user;
};

/// The agent behind its workers: a fixed number of processes that run the same code, each started
/// again when it dies. Requests and calls go to the least busy one.
class Agent final : private WorkerSlotOwner {
 public:
  Agent(net::EventLoop& loop, Children& children, net::HttpClient& client, AgentOwner& owner,
        Log log);
  ~Agent() override;

  /// Starts every worker. Only once.
  void start(AgentPlan plan);

  /// Tells the workers that the agent is live, also those that are started later.
  void tell_ready();

  /// Calls the agent, as Worker::execute() does.
  Result<std::uint64_t> execute(const AgentCall& call, std::function<void(CallResult)> on_result,
                                std::function<void(std::string)> on_event = {});
  void credit(std::uint64_t id, int events);
  void cancel(std::uint64_t id);

  /// The worker the next request should go to. Only when is_up().
  const WorkerSlot& next() const { return *slots_[next_number()]; }
  /// The same, and it counts as busy with one more until release() is called with its number.
  const WorkerSlot& claim();
  void release(int number) { slots_[static_cast<std::size_t>(number)]->release(); }

  /// From now on a worker that dies is not replaced.
  void hold();
  /// Ends every worker: drain frame with `grace`, then SIGTERM, then SIGKILL. Running calls may
  /// end.
  void stop(Millis grace);
  /// Worker::ask_where_it_is() of all workers; true when one was asked.
  bool ask_where_it_is();
  /// SIGKILL to all of it now.
  void kill();

  bool is_up() const { return workers_up() > 0; }
  bool is_running() const;
  int workers() const { return static_cast<int>(slots_.size()); }
  int workers_up() const;
  /// Starts after a death, of all workers.
  int restarts() const;
  /// What the workers said: all load the same. Empty before the first one did.
  const Hello& hello() const { return hello_; }
  /// The last lines of a worker that is not up, else of any.
  std::vector<std::string> evidence() const;
  /// Processes that run now.
  std::vector<pid_t> pids() const;

 private:
  void slot_loaded() override;
  void slot_up(WorkerSlot& slot) override;
  void slot_lost(WorkerSlot& slot, model::Failure failure, Millis lived) override;
  void slot_stopped() override;
  void log_death(const WorkerSlot& slot, const model::Failure& failure, Millis lived,
                 std::optional<Millis> pause) const;
  void end_left_overs() const;
  std::size_t next_number() const;

  AgentOwner& owner_;
  Log log_;
  OomKills oom_kills_;
  WorkerSlotContext context_;
  std::optional<uid_t> own_user_;
  std::vector<std::unique_ptr<WorkerSlot>> slots_;
  Hello hello_;
  std::size_t last_claimed_ = 0;
  int loaded_ = 0;
  bool was_up_ = false;
  bool has_failed_ = false;
  bool is_held_ = false;
  bool is_live_ = false;
};

}  // namespace pixell::par
