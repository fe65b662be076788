#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "edge/target.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"

namespace pixell::edge {

/// Asks targets for /health, all of an edge's on one loop: those that are out of rotation or
/// suspect every kSuspectProbeInterval, so that they come back as soon as they can, and those that
/// had a request within kProbeUsedWithin every kProbeInterval, which finds a par that takes
/// connections and does not answer. Idle targets are left asleep. par answers itself, without its
/// agent: a slow agent is no reason to take an instance out.
class HealthChecker {
 public:
  explicit HealthChecker(net::EventLoop& loop);
  /// Before the loop goes.
  ~HealthChecker();

  /// Looks at these from now on, on the loop's thread. Verdicts and questions under way for targets
  /// that are not among them are dropped.
  void watch(std::shared_ptr<const TargetSet> targets);
  /// A target became suspect: looks soon. Any thread; cheap while a look is on its way.
  void look_soon();
  /// Questions under way.
  std::size_t open_probes() const { return open_; }

 private:
  class Probe;
  void look();
  void start_waiting();
  void over(const TargetState& target);
  void schedule(Millis at_most);

  net::EventLoop& loop_;
  net::HttpClient client_;
  std::shared_ptr<const TargetSet> targets_ = std::make_shared<TargetSet>();
  // Those that are asked; null = it is in waiting_.
  std::unordered_map<const TargetState*, std::unique_ptr<Probe>> probes_;
  std::deque<std::shared_ptr<TargetState>> waiting_;
  std::size_t open_ = 0;
  Instant next_turn_{};  // when all that are used are asked again
  net::Timer timer_;
  std::atomic<bool> is_look_due_ = false;
};

}  // namespace pixell::edge
