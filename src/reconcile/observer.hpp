#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/snapshot.hpp"
#include "engine/engine.hpp"
#include "reconcile/app_view.hpp"
#include "reconcile/edge_signals.hpp"
#include "reconcile/instance_rows.hpp"
#include "store/store.hpp"

namespace pixell::reconcile {

/// What the engine showed at the last look, by app.
struct EngineSight {
  bool is_seen = false;  ///< false: the engine did not answer
  std::string problem;   ///< what it said then, or what there was to say
  int max_revisions = 0;
  std::map<std::string, std::vector<model::Instance>> instances;
  std::map<std::string, model::ScalingReport> scalings;
};

/// Looks at the engine and keeps the store's instance rows true to it.
class Observer {
 public:
  Observer(store::Store& store, engine::Engine& engine, EdgeSignals& signals, InstanceRows& rows,
           const Clock& clock)
      : store_(store), engine_(engine), signals_(signals), rows_(rows), clock_(clock) {}

  /// Lists the engine's instances, takes each over into its row and marks started instances that
  /// are no longer there as failed. Returns the apps that no row tells of: those of instances
  /// without one, and those for which the engine wants another number than at the last look. An
  /// error means that the engine or the store did not answer. From one thread at a time.
  Result<std::vector<std::string>> look();

  /// Notes that the engine does not answer, and why. True when it did before.
  bool lose_sight(const std::string& problem);

  /// Puts together what the planner needs; an app that the store does not know is an empty one.
  Result<AppView> view_of(const std::string& app_id) const;

 private:
  store::Store& store_;
  engine::Engine& engine_;
  EdgeSignals& signals_;
  InstanceRows& rows_;
  const Clock& clock_;
  Snapshot<EngineSight> sight_{std::make_shared<EngineSight>()};
};

}  // namespace pixell::reconcile
