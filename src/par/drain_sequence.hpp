#pragma once

#include <functional>

#include "base/log.hpp"
#include "net/event_loop.hpp"
#include "net/server.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {

/// Told how a drain goes.
class DrainOwner {
 public:
  virtual ~DrainOwner() = default;
  /// The agent is asked to end now, although exchanges may still run.
  virtual void agent_ending() = 0;
  /// What still runs is cut in a moment: whatever can be ended in order is to be ended now.
  virtual void drain_deadline() = 0;
  /// Nothing runs any more. Called once.
  virtual void drained() = 0;
};

/// The ordered end of a serving par. Times count from the first "draining":
///
///   idle ─start─▶ announced ─1 s─▶ draining ─no exchange left, or grace nearly over─▶ ending
///   ending (agent asked) ─grace - kStreamEndMargin─▶ streams ended ─grace─▶ all is cut
///   ending ─exchanges over and workers gone─▶ done
///   announced, draining, ending ─hasten─▶ streams ended, workers killed, all is cut ─▶ done
///
/// The agent's own server has the last of the grace for ending its WebSockets and streams itself.
class DrainSequence {
 public:
  /// What is given outlives the sequence.
  DrainSequence(net::EventLoop& loop, net::HttpServer& server, Agent& agent, const Log& log,
                DrainOwner& owner);

  /// Begins. `pause` is how long connections are still accepted as usual, `grace` how long running
  /// exchanges may take after that.
  void start(Millis pause, Millis grace);
  /// Ends at once: a second signal.
  void hasten();
  /// Forwarded from the agent: its workers have gone.
  void agent_gone();

  bool is_running() const { return step_ != Step::Idle; }

 private:
  enum class Step { Idle, Announced, Draining, Ending, Done };
  void drain_server();
  void exchanges_over();
  void end_agent(Millis grace);
  void cut();
  void finish_when_over();

  net::EventLoop& loop_;
  net::HttpServer& server_;
  Agent& agent_;
  const Log& log_;
  DrainOwner& owner_;
  Step step_ = Step::Idle;
  bool are_exchanges_over_ = false;
  Millis grace_{0};
  Instant deadline_{};
  net::Timer timer_;
  net::Timer end_agent_timer_;
  net::Timer end_streams_timer_;
};

}  // namespace pixell::par
