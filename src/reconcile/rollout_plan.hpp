#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "model/agent_app.hpp"
#include "reconcile/edge_signals.hpp"

namespace pixell::reconcile {

/// How far an open deployment's revision has come.
struct RolloutFacts {
  const model::Deployment& deployment;  ///< it has its revision
  const model::Traffic& base;           ///< the app's traffic, which stays until the end
  int wanted = 1;                       ///< instances of a revision with all the traffic
  int ready = 0;                        ///< ready instances of the revision
  int routed_weight = 0;                ///< its share of the route in force
};

/// What a rollout wants now. Every strategy is a row of stages, each a share that is held for a
/// time; the whole traffic comes after the last one. Rolling has no stage, a canary has its steps,
/// blue/green has one with all the traffic while it bakes.
struct RolloutTarget {
  int stage = 0;                              ///< the stage to be in; beyond the last one = the end
  bool is_last = false;                       ///< after it the deployment is complete
  int weight = 0;                             ///< the share the revision should have now
  bool is_reached = false;                    ///< `weight` is that of `stage`
  int instances = 1;                          ///< how many should run
  bool takes_traffic = true;                  ///< false: it is made ready only
  std::optional<UnixMillis> look_again_at{};  ///< when the stage in force has been held
};
RolloutTarget rollout_target(const RolloutFacts& facts, UnixMillis now);

/// The traffic to be routed meanwhile: `base` with the revision's share, and the tag `candidate` on
/// it while there are stages.
model::Traffic traffic_meanwhile(const RolloutFacts& facts, const RolloutTarget& target);
/// The app's traffic once the deployment is complete.
model::Traffic traffic_at_end(const RolloutFacts& facts, const RolloutTarget& target);

/// Instances of a revision for a share: in proportion, at least one.
int instances_for(int wanted, int weight_permille);

/// Why the rollout is to back out for what the edges measured; none while they show no reason.
std::optional<model::Failure> unhealthy(const model::HealthLimits& limits,
                                        const TrafficMeasured& measured);

}  // namespace pixell::reconcile
