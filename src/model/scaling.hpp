#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.hpp"

namespace pixell::model {

/// What is measured of an app's instances, as an average of all of them.
enum class ScalingMetric { Cpu, Memory };
/// "cpu_percent", "memory_percent": the member that has the target.
std::string_view to_string(ScalingMetric metric);

/// An engine that can changes the number of an app's instances by itself, so that their use stays
/// near a target.
struct Scaling {
  int min_instances = 1;
  int max_instances = 1;
  ScalingMetric metric = ScalingMetric::Cpu;
  int percent = 1;  ///< the target, of what an instance may use
  bool operator==(const Scaling&) const = default;
};
inline constexpr int kMinScalingPercent = 1;
inline constexpr int kMaxScalingPercent = 100;

/// What an engine is told of an app's scaling.
struct ScalingOrder {
  Scaling scaling;
  std::int64_t revision = 0;  ///< whose instances are counted
  bool is_suspended = false;  ///< the number stays as it is
  bool operator==(const ScalingOrder&) const = default;
};

/// An engine's word on an app that it scales.
struct ScalingReport {
  ScalingOrder order;  ///< the last one that it was given
  int instances = 1;   ///< how many it wants, or wanted when it was suspended
  bool operator==(const ScalingReport&) const = default;
};

/// The number within the bounds.
int within(const Scaling& scaling, int instances);

nlohmann::json to_json(const Scaling& scaling);
/// InvalidArgument for what to_json() did not write.
Result<Scaling> scaling_from_json(const nlohmann::json& json);

nlohmann::json to_json(const ScalingReport& report);
/// InvalidArgument for what to_json() did not write.
Result<ScalingReport> scaling_report_from_json(const nlohmann::json& json);

}  // namespace pixell::model
