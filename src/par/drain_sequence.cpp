#include "par/drain_sequence.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "par/limits.hpp"

namespace pixell::par {

DrainSequence::DrainSequence(net::EventLoop& loop, net::HttpServer& server, Agent& agent,
                             const Log& log, DrainOwner& owner)
    : loop_(loop), server_(server), agent_(agent), log_(log), owner_(owner) {}

void DrainSequence::start(Millis pause, Millis grace) {
  step_ = Step::Announced;
  grace_ = grace;
  timer_ = loop_.after(pause, [this] { drain_server(); });
}

void DrainSequence::drain_server() {
  step_ = Step::Draining;
  deadline_ = loop_.clock().now() + grace_;
  log_.info("Draining connections", {{"connections", server_.connections()},
                                     {"active_requests", server_.active_streams()},
                                     {"grace_seconds", double(grace_.count()) / 1000}});
  const Millis agent_margin = std::min(kAgentEndMargin, grace_ / 2);
  end_agent_timer_ = loop_.after(grace_ - agent_margin, [this, agent_margin] {
    end_agent(std::max(agent_margin - 2 * kStreamEndMargin, Millis(0)));
  });
  end_streams_timer_ = loop_.after(std::max(grace_ - kStreamEndMargin, Millis(0)),
                                   [this] { owner_.drain_deadline(); });
  timer_ = loop_.after(grace_, [this] {
    log_.warning("The grace period is over, cutting what still runs",
                 {{"active_requests", server_.active_streams()}});
    cut();
  });
  // What waits in the backlog is taken once more, so that nobody who came in time is refused.
  server_.stop_accepting();
  server_.drain([this] { exchanges_over(); });
}

// The agent has what is left of the grace for its own end.
void DrainSequence::exchanges_over() {
  are_exchanges_over_ = true;
  timer_.cancel();
  end_streams_timer_.cancel();
  end_agent_timer_.cancel();
  const auto left = std::chrono::duration_cast<Millis>(deadline_ - loop_.clock().now());
  end_agent(std::max(left, kWorkerDrainGrace));
  finish_when_over();
}

void DrainSequence::end_agent(Millis grace) {
  if (step_ == Step::Ending || step_ == Step::Done) return;
  step_ = Step::Ending;
  owner_.agent_ending();
  agent_.stop(grace);
}

void DrainSequence::cut() {
  end_agent(Millis(0));
  server_.close_all();
}

void DrainSequence::hasten() {
  if (step_ == Step::Done) return;
  log_.warning("Hastened, cutting what still runs");
  server_.stop_accepting();
  deadline_ = loop_.clock().now();
  end_agent(Millis(0));
  owner_.drain_deadline();
  agent_.kill();
  end_streams_timer_.cancel();
  end_agent_timer_.cancel();
  // What was said last is sent before the connections close.
  timer_ = loop_.after(kStreamFlushPause, [this] {
    server_.close_all();
    if (!are_exchanges_over_) server_.drain([this] { exchanges_over(); });
  });
}

// A worker that died before its turn is no end: running exchanges have been told.
void DrainSequence::agent_gone() {
  if (step_ == Step::Ending) finish_when_over();
}

void DrainSequence::finish_when_over() {
  if (!are_exchanges_over_ || agent_.is_running()) return;
  if (std::exchange(step_, Step::Done) == Step::Done) return;
  timer_.cancel();
  owner_.drained();
}

}  // namespace pixell::par
