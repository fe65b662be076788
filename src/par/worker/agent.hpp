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
#include "par/worker/agent_link.hpp"
#include "par/worker/agent_process.hpp"

namespace pixell::par {

/// How Invoke is answered by the worker.
enum class A2aKind { None, Default, Handlers, Servicer };

/// What a worker said when all its sockets accepted.
struct Hello {
  std::string language, sdk, runtime;
  bool rest = false;
  bool http_server = false;
  A2aKind a2a = A2aKind::None;
  std::vector<std::string> handlers;  ///< actions
  std::vector<std::string> warnings;
};

/// One call of a plain handler.
struct AgentCall {
  std::string action;
  std::string parameters_json;  ///< a JSON object
  std::string request_id;
  std::int64_t deadline_ms = 0;  ///< 0 = none
};

/// How a call ended.
struct CallResult {
  enum class Outcome { Done, Failed, NotFound, Cancelled, AgentLost };
  Outcome outcome = Outcome::Done;
  std::string text;  ///< Done: a string result as it is, anything else as JSON; else the reason
};

/// Told about the worker as a whole.
class AgentOwner {
 public:
  virtual ~AgentOwner() = default;
  /// Every surface accepts.
  virtual void agent_up(const Hello& hello) = 0;
  /// The worker is gone, before or after it was up; never called after stop(). `lived` counts
  /// from its start.
  virtual void agent_lost(model::Failure failure, Millis lived) = 0;
  /// The worker is gone after stop().
  virtual void agent_stopped() = 0;
};

/// The agent behind its worker: one process at a time, started again by whoever owns it.
///
///   Down ──start──▶ Starting ──hello──▶ Up ──stop──▶ Stopping ──exit──▶ Down
///    ▲                  └── load_error, exit, broken link ──┐│
///    └──────────────────────────────────────────────────────┴┘
class Agent final : private AgentLinkOwner {
 public:
  enum class State { Down, Starting, Up, Stopping };

  Agent(net::EventLoop& loop, Children& children, AgentOwner& owner, Log log);
  ~Agent() override;

  /// Starts the worker and tells it what to load. Only when Down.
  Result<void> start(const WorkerPlan& plan);

  /// Tells the worker that it is live.
  void tell_ready();

  /// Calls a handler; the id can be cancelled. `on_result` is called once, later. Unavailable
  /// when the worker is not up, ResourceExhausted when too many calls run.
  Result<std::uint64_t> execute(const AgentCall& call, std::function<void(CallResult)> on_result);
  /// The caller does not wait any more: nobody is called, the worker is asked to stop.
  void cancel(std::uint64_t id);

  /// Ends the worker: drain frame with `grace`, then SIGTERM, then SIGKILL. Running calls may end.
  void stop(Millis grace);
  /// SIGKILL to the whole group now.
  void kill();

  State state() const { return state_; }
  bool is_up() const { return state_ == State::Up || state_ == State::Stopping; }
  /// What the running worker said; empty before.
  const Hello& hello() const { return hello_; }
  std::vector<std::string> evidence() const { return process_.evidence(); }
  pid_t pid() const { return process_.pid(); }

 private:
  void frame_received(const Frame& frame) override;
  void link_closed(const std::string& reason) override;
  void take_hello(const Frame& frame);
  void process_ended(WorkerExit exit);
  model::Failure failure_of(const WorkerExit& exit) const;
  void fail_calls();
  void answer(const std::string& id, CallResult result);

  net::EventLoop& loop_;
  AgentOwner& owner_;
  Log log_;
  AgentProcess process_;
  std::unique_ptr<AgentLink> link_;
  State state_ = State::Down;
  Hello hello_;
  std::optional<model::Failure> told_failure_;  // load_error, or a broken protocol
  Instant started_at_{};
  std::uint64_t next_id_ = 1;
  std::map<std::string, std::function<void(CallResult)>> calls_;
  net::Timer term_timer_;
  net::Timer kill_timer_;
};

}  // namespace pixell::par
