#pragma once

#include <optional>
#include <vector>

#include "model/agent_app.hpp"
#include "reconcile/edge_signals.hpp"
#include "store/store.hpp"

namespace pixell::reconcile {

/// One instance as store and engine know it.
struct ObservedInstance {
  model::Instance instance;
  bool in_engine = false;  ///< the engine has it; false = recorded, but not started yet
  bool has_row = true;     ///< the store has it; false = the engine runs what nobody recorded
};

/// Everything the planner decides one app by. Without any deployment, revision or row it stands
/// for an app the store does not know.
struct AppView {
  model::AgentApp app;
  std::vector<model::Deployment> open_deployments;  ///< oldest first
  std::vector<model::Revision> retired;  ///< revisions that lost their traffic, latest first
  std::vector<ObservedInstance> instances;
  store::StoredRoute route;
  TrafficMeasured measured;    ///< of the newest open deployment's revision, in its stage
  bool edges_applied = false;  ///< every live edge has the route's generation in force
  /// Requests are known to go by an earlier route. An edge may be gone without a word and is not
  /// waited for for ever; what says that it lags is there, and will move.
  bool traffic_lags = false;
  bool engine_seen = true;     ///< false: the engine is away, nothing is known about instances
  std::string engine_problem;  ///< why it is away
  int max_revisions = 0;       ///< as in engine::Capabilities
  bool engine_scales = false;  ///< the engine can scale apps by itself
  std::optional<model::ScalingReport> scaling{};  ///< what it wants of this one, if it scales it
};

}  // namespace pixell::reconcile
