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
/// steps were done is empty. Rolling strategy:
///
///   import → start beside the old one → ready → route to the new one → every edge applied it →
///   completed → the old one, now of no wanted revision, is stopped and removed
///
/// The newest open deployment supersedes older ones. An instance of the new revision that ends
/// fails the deployment with its cause; the route stays with, or goes back to, the desired
/// revision. An instance of the desired revision that ends is replaced, with back-off.
Plan plan(const AppView& view, UnixMillis now);

}  // namespace pixell::reconcile
