#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "aws/transport.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "engine/ecs/limits.hpp"
#include "engine/ecs/rule_placer.hpp"
#include "engine/ecs/settings.hpp"
#include "engine/engine.hpp"

namespace pixell::engine {

/// How often AWS is asked.
struct EcsCadence {
  Millis motion = ecs::kMotionLook;
  Millis idle = ecs::kIdleLook;
  Millis spare_kept = ecs::kSpareKept;
  Millis stop_patience = ecs::kStopPatience;
  Millis log_lag = ecs::kLogLag;
  Millis forget = ecs::kForgetPause;
};

struct EcsOptions {
  ecs::Settings settings;
  std::filesystem::path state_dir;  ///< of the installation; absolute
  const Clock& clock = system_clock();
  Log log{};
  aws::Outside outside = aws::real_outside();
  aws::Environment environment;  ///< credentials, region and endpoints
  /// With Routing::Alb, where the places of apps' rules are remembered; outlives the engine. Null =
  /// it only looks at instances, and stops them.
  ecs::RuleBook* rules = nullptr;
  EcsCadence cadence{};
};

/// The engine that runs each instance as a task of a service on AWS ECS: two services for each app,
/// each of which runs one revision. Nothing is asked of AWS before the first call; while it does
/// not answer, calls fail with Unavailable (retry later). InvalidArgument for settings that this
/// engine cannot serve.
Result<std::unique_ptr<Engine>> make_ecs_engine(const EcsOptions& options);

}  // namespace pixell::engine
