#include "model/scaling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pixell::model {

std::string_view to_string(ScalingMetric metric) {
  return metric == ScalingMetric::Cpu ? "cpu_percent" : "memory_percent";
}

// Bounds that contradict each other are refused where they are set.
int within(const Scaling& scaling, int instances) {
  return std::max(scaling.min_instances, std::min(scaling.max_instances, instances));
}

nlohmann::json to_json(const Scaling& scaling) {
  return {{"min_instances", scaling.min_instances},
          {"max_instances", scaling.max_instances},
          {std::string(to_string(scaling.metric)), scaling.percent}};
}

Result<Scaling> scaling_from_json(const nlohmann::json& json) try {
  Scaling scaling{.min_instances = json.at("min_instances").get<int>(),
                  .max_instances = json.at("max_instances").get<int>()};
  if (!json.contains(to_string(ScalingMetric::Cpu))) scaling.metric = ScalingMetric::Memory;
  scaling.percent = json.at(to_string(scaling.metric)).get<int>();
  return scaling;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a scaling: {}", wrong.what()));
}

nlohmann::json to_json(const ScalingReport& report) {
  return {{"scaling", to_json(report.order.scaling)},
          {"revision", report.order.revision},
          {"suspended", report.order.is_suspended},
          {"instances", report.instances}};
}

Result<ScalingReport> scaling_report_from_json(const nlohmann::json& json) try {
  ScalingReport report;
  TRY(report.order.scaling, scaling_from_json(json.at("scaling")));
  report.order.revision = json.at("revision").get<std::int64_t>();
  report.order.is_suspended = json.at("suspended").get<bool>();
  report.instances = json.at("instances").get<int>();
  return report;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("not a report of a scaling: {}", wrong.what()));
}

}  // namespace pixell::model
