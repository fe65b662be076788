#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "model/boot_report.hpp"
#include "net/event_loop.hpp"
#include "par/worker/agent_process.hpp"
#include "par/worker/worker_channel.hpp"

namespace pixell::par {

/// Told about one worker.
class WorkerOwner {
 public:
  virtual ~WorkerOwner() = default;
  /// Everything it was asked to serve was loaded.
  virtual void worker_loaded() = 0;
  /// It is gone, before or after it was loaded; never called after stop(). `lived` counts from its
  /// start.
  virtual void worker_lost(model::Failure failure, Millis lived) = 0;
  /// It is gone after stop().
  virtual void worker_stopped() = 0;
};

/// One process that runs the agent's code, and the conversation with it; started again by whoever
/// owns it.
///
///   Down ──start──▶ Starting ──hello──▶ Up ──stop──▶ Stopping ──exit──▶ Down
///    ▲                  └── load_error, exit, broken link ──┐│
///    └──────────────────────────────────────────────────────┴┘
class Worker final : private WorkerChannelOwner {
 public:
  enum class State { Down, Starting, Up, Stopping };

  Worker(net::EventLoop& loop, Children& children, WorkerOwner& owner, OomKills& oom_kills,
         Log log);
  ~Worker() override;

  /// Starts the worker and the conversation with it. Only when Down.
  Result<void> start(const WorkerPlan& plan);

  /// Tells the worker that it is live.
  void tell_ready();

  /// Calls the agent; the id can be cancelled. `on_result` is called once, later; `on_event` before
  /// it for each event of a streaming call, which needs credit() for more than kEventCredit of
  /// them. Unavailable when the worker is not up, ResourceExhausted when too many calls run.
  Result<std::uint64_t> execute(const AgentCall& call, std::function<void(CallResult)> on_result,
                                std::function<void(std::string)> on_event = {});
  /// The reader of a streaming call has taken `events`.
  void credit(std::uint64_t id, int events);
  /// The caller does not wait any more: nobody is called, the worker is asked to stop.
  void cancel(std::uint64_t id);

  /// Ends the worker: drain frame with `grace`, then SIGTERM, then SIGKILL. Running calls may end.
  void stop(Millis grace);
  /// Asks a worker that still loads the agent to print the lines it is at (SIGUSR2, which only the
  /// shim of Python understands); false when it loads nothing.
  bool ask_where_it_is();
  /// SIGKILL to the whole group now.
  void kill();
  /// The same, and worker_lost() tells this failure, unless the process had ended by itself.
  void fail(model::Failure failure);

  State state() const { return state_; }
  /// What the running worker said; empty before.
  const Hello& hello() const { return hello_; }
  std::vector<std::string> evidence() const { return process_.evidence(); }
  pid_t pid() const { return process_.pid(); }
  std::size_t running_calls() const { return calls_.size(); }

 private:
  std::unique_ptr<WorkerChannel> make_channel(const WorkerPlan& plan, UniqueFd link);
  void worker_up(Hello hello) override;
  void load_failed(model::Failure failure) override;
  void protocol_broken(std::string message) override;
  void call_told(std::uint64_t id, std::string event_json) override;
  void call_ended(std::uint64_t id, CallResult result) override;
  void channel_closed(const std::string& reason) override;
  void process_ended(WorkerExit exit);
  model::Failure failure_of(const WorkerExit& exit) const;
  std::vector<std::string> last_words() const;
  void fail_calls();

  net::EventLoop& loop_;
  WorkerOwner& owner_;
  Log log_;
  AgentProcess process_;
  std::unique_ptr<WorkerChannel> channel_;
  State state_ = State::Down;
  Hello hello_;
  std::optional<model::Failure> told_failure_;  // load_error, or a broken protocol
  bool is_presumed_ = false;                    // told_failure_ is what fail() was given
  uid_t user_ = 0;                              // the process'
  Instant started_at_{};
  std::uint64_t next_id_ = 1;
  struct Callbacks {
    std::function<void(CallResult)> on_result;
    std::function<void(std::string)> on_event;
  };
  std::map<std::uint64_t, Callbacks> calls_;
  net::Timer term_timer_;
  net::Timer kill_timer_;
};

}  // namespace pixell::par
