#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "reconcile/edge_acks.hpp"

namespace pixell::cmd {

/// Remembers which edges polled for routes lately and what they have in force. Glue between the
/// API, which hears it, and the reconciler, which waits for it.
class EdgeRegistry final : public reconcile::EdgeAcks {
 public:
  /// `settling` is how long it does not take those it has heard for all there are: edges of other
  /// machines need a while to find a control that started anew.
  explicit EdgeRegistry(const Clock& clock, Millis settling = Millis(0))
      : clock_(clock), settled_at_(clock.now() + settling) {}

  /// An edge asked for routes after `generation`: it uses that one on every loop.
  void heard(std::string_view edge, std::int64_t generation);

  /// False while no edge is known: one that is there will poll soon, and the planner bounds the
  /// wait for one that is not.
  bool all_applied(std::string_view app_id, std::int64_t route_generation, UnixMillis now) override;
  /// True while it settles: nobody's patience has begun to run out then.
  bool lags_behind(std::string_view app_id, std::int64_t route_generation) override;
  /// True once, when it has settled. By one thread.
  bool has_just_settled();

 private:
  struct Edge {
    std::int64_t generation = 0;
    UnixMillis heard_at = 0;
  };
  bool has_settled() const { return clock_.now() >= settled_at_; }

  const Clock& clock_;
  const Instant settled_at_;      // a clock that is set back does not unsettle it
  bool is_settled_told_ = false;  // of has_just_settled()
  std::mutex mutex_;              // guards edges_
  std::map<std::string, Edge, std::less<>> edges_;
};

}  // namespace pixell::cmd
