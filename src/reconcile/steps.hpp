#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/boot_report.hpp"
#include "model/routes.hpp"
#include "model/scaling.hpp"
#include "model/traffic.hpp"

namespace pixell::reconcile {

/// Fetches and validates a deployment's package and makes a revision of it. Runs beside the other
/// steps of its app, because it may take long.
struct ImportPackage {
  std::string deployment_id;
};

/// Makes a revision of a package that is in the store already.
struct CreateRevision {
  std::string deployment_id;
};

/// Starts an instance of a revision.
struct StartInstance {
  std::int64_t revision = 0;
  std::string instance_id;    ///< empty = a new one; else one that is recorded but not started
  std::string deployment_id;  ///< the deployment that waits for it, or empty
  int restarts = 0;           ///< how often the revision was restarted without a stable run
  int copy = 0;               ///< tells the starts of one plan apart
};

/// Replaces the app's route.
struct PublishRoute {
  std::vector<model::RouteLeg> legs;
  model::Stickiness sticky{};
  model::Routing routing{};
  std::string deployment_id{};  ///< the deployment whose revision gets the traffic, or empty
};

/// A stage of a rollout is in force: its time begins.
struct AdvanceRollout {
  std::string deployment_id;
  int stage = 0;
};

/// Lets an instance drain and end.
struct StopInstance {
  std::string instance_id;
};

/// Forgets an ended instance.
struct RemoveInstance {
  std::string instance_id;
};

/// The deployment's revision serves: it becomes the desired one.
struct CompleteDeployment {
  std::string deployment_id;
  model::Traffic traffic{};  ///< the app's from now on
};

/// The deployment ends without success.
struct FailDeployment {
  std::string deployment_id;
  model::Failure failure;
  bool is_rolled_back = false;  ///< it had traffic
};

/// Nothing of a deleted app is left but its rows, and what the engine keeps for it as a whole.
struct RemoveApp {
  std::string app_id;
};

/// Tells the engine how it is to scale the app.
struct ScaleApp {
  std::string app_id;
  std::optional<model::ScalingOrder> order{};  ///< none = not any more
  int instances = 1;                           ///< where it begins
};

using Step = std::variant<ImportPackage, CreateRevision, StartInstance, PublishRoute,
                          AdvanceRollout, StopInstance, RemoveInstance, CompleteDeployment,
                          FailDeployment, RemoveApp, ScaleApp>;

/// "start_instance", …: as the journal and the log name a step.
std::string_view name_of(const Step& step);

/// The name with what the step is about, the same for the same step.
std::string describe(const Step& step);

}  // namespace pixell::reconcile
