#include "par/drain_sequence.hpp"

#include <algorithm>
#include <utility>

#include "par/limits.hpp"

namespace pixell::par {

DrainSequence::DrainSequence(net::EventLoop& loop, net::HttpServer& server, Agent& agent,
                             const Log& log, std::function<void()> on_deadline,
                             std::function<void()> on_done)
    : loop_(loop),
      server_(server),
      agent_(agent),
      log_(log),
      on_deadline_(std::move(on_deadline)),
      on_done_(std::move(on_done)) {}

void DrainSequence::start(Millis pause, Millis grace) {
  step_ = Step::Announced;
  grace_ = grace;
  timer_ = loop_.after(pause, [this] { drain_server(); });
}

void DrainSequence::drain_server() {
  step_ = Step::Draining;
  log_.info("Draining connections", {{"connections", server_.connections()},
                                     {"active_requests", server_.active_streams()},
                                     {"grace_seconds", double(grace_.count()) / 1000}});
  // Event streams never end by themselves: a last event, and time for it to be read.
  end_streams_timer_ = loop_.after(std::max(grace_ - kStreamEndMargin, Millis(0)), on_deadline_);
  timer_ = loop_.after(grace_, [this] {
    log_.warning("The grace period is over, cutting what still runs",
                 {{"active_requests", server_.active_streams()}});
    server_.close_all();
    end_agent(kWorkerDrainGrace);
  });
  // What waits in the backlog is taken once more, so that nobody who came in time is refused.
  server_.stop_accepting();
  server_.drain([this] { end_agent(kWorkerDrainGrace); });
}

void DrainSequence::end_agent(Millis grace) {
  if (step_ == Step::Ending || step_ == Step::Done) return;
  step_ = Step::Ending;
  timer_.cancel();
  end_streams_timer_.cancel();
  if (!agent_.is_running()) return finish();
  agent_.stop(grace);
}

void DrainSequence::hasten() {
  if (step_ == Step::Done) return;
  log_.warning("Hastened, cutting what still runs");
  server_.stop_accepting();
  on_deadline_();
  server_.close_all();
  end_agent(Millis(0));
  agent_.kill();
}

void DrainSequence::agent_gone() {
  if (step_ == Step::Ending) return finish();
  // It died before its turn; running exchanges have been told, the rest of the drain goes on.
}

void DrainSequence::finish() {
  if (std::exchange(step_, Step::Done) == Step::Done) return;
  timer_.cancel();
  on_done_();
}

}  // namespace pixell::par
