#pragma once

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "reconcile/app_view.hpp"
#include "reconcile/steps.hpp"

namespace pixell::reconcile {

/// What one app needs now, in the order in which it is to be done.
struct Plan {
  std::vector<Step> steps;
  /// When to plan again although nothing changed: a deadline, a back-off, a silent edge.
  std::optional<UnixMillis> look_again_at;
  bool awaits_edges = false;  ///< an edge's word would let the plan go on
};

/// Decides by the view and the time alone; the same input gives the same plan, and a plan whose
/// steps were done is empty.
///
///   import → start beside the old one → ready → share of the route → every edge applied it
///     → next stage … → completed → the old one stays warm for a while, then is stopped and removed
///
/// The newest open deployment supersedes older ones. A revision on trial whose instance ends, or
/// that the edges find unhealthy in a stage, fails its deployment with the cause; the app's traffic
/// was never changed, so the route goes back to exactly what it was. An instance of a revision with
/// traffic that ends is replaced, with back-off. rollout_plan.hpp has the strategies.
Plan plan(const AppView& view, UnixMillis now);

}  // namespace pixell::reconcile
