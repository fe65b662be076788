#pragma once

#include <functional>

#include "base/log.hpp"
#include "net/event_loop.hpp"
#include "net/server.hpp"
#include "par/worker/agent.hpp"

namespace pixell::par {

/// The ordered end of a serving par:
///
///   idle ─start─▶ announced ─1 s─▶ draining ─no exchange left, or grace over─▶ ending ─worker gone─▶ done
///                     └──────────────┴─────────────── hasten ──────────────────────▲
class DrainSequence {
 public:
  /// `on_deadline` is called shortly before what still runs is cut, `on_done` once at the end. The
  /// three outlive the sequence.
  DrainSequence(net::EventLoop& loop, net::HttpServer& server, Agent& agent, const Log& log,
                std::function<void()> on_deadline, std::function<void()> on_done);

  /// Begins. `pause` is how long connections are still accepted as usual, `grace` how long running
  /// exchanges may take after that.
  void start(Millis pause, Millis grace);
  /// Cuts everything that still runs: a second signal.
  void hasten();
  /// Forwarded from the agent.
  void agent_gone();

  bool is_running() const { return step_ != Step::Idle; }

 private:
  enum class Step { Idle, Announced, Draining, Ending, Done };
  void drain_server();
  void end_agent(Millis grace);
  void finish();

  net::EventLoop& loop_;
  net::HttpServer& server_;
  Agent& agent_;
  const Log& log_;
  std::function<void()> on_deadline_;
  std::function<void()> on_done_;
  Step step_ = Step::Idle;
  Millis grace_{0};
  net::Timer timer_;
  net::Timer end_streams_timer_;
};

}  // namespace pixell::par
