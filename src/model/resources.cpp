#include "model/resources.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace pixell::model {

namespace {

struct LimitField {
  std::string_view name;
  std::optional<std::int64_t> LimitsAsked::*member;
  double least;
  double most;
  double scale;  // kept as a whole number of 1/scale
};

constexpr double kMilli = 1000;
constexpr std::array kFields = {
    LimitField{"memory_mb", &LimitsAsked::memory_mb, 16, double(kMaxMemoryMb), 1},
    LimitField{"cpus", &LimitsAsked::cpu_milli, 0.05, double(kMaxCpus), kMilli},
    LimitField{"processes", &LimitsAsked::processes, 8, double(kMaxProcesses), 1},
    LimitField{"disk_mb", &LimitsAsked::disk_mb, 1, double(kMaxDiskMb), 1}};

}  // namespace

Result<void> set_limit(LimitsAsked& limits, std::string_view name, double value) {
  for (const LimitField& field : kFields) {
    if (field.name != name) continue;
    const double scaled = std::round(value * field.scale);
    // A number that is no number fails every comparison.
    const bool is_in_range = value >= field.least && value <= field.most;
    if (!is_in_range || (field.scale == 1 && scaled != value))
      return make_error(
          ErrorCode::OutOfRange,
          fmt::format("must be a {} from {} to {}", field.scale == 1 ? "whole number" : "number",
                      field.least, static_cast<std::int64_t>(field.most)));
    limits.*field.member = static_cast<std::int64_t>(scaled);
    return {};
  }
  return make_error(ErrorCode::NotFound, "is not a limit: memory_mb, cpus, processes, disk_mb are");
}

Resources resolve_resources(const LimitsAsked& first, const LimitsAsked& second,
                            const Resources& usual) {
  const auto pick = [](const auto& one, const auto& other, std::int64_t otherwise) {
    return one ? *one : other.value_or(otherwise);
  };
  Resources resources = usual;
  resources.memory_mb = pick(first.memory_mb, second.memory_mb, usual.memory_mb);
  resources.cpu_milli = pick(first.cpu_milli, second.cpu_milli, usual.cpu_milli);
  resources.max_pids = pick(first.processes, second.processes, usual.max_pids);
  resources.disk_mb = pick(first.disk_mb, second.disk_mb, usual.disk_mb);
  return resources;
}

nlohmann::json to_json(const LimitsAsked& limits) {
  nlohmann::json json = nlohmann::json::object();
  for (const LimitField& field : kFields) {
    const auto& value = limits.*field.member;
    if (!value) continue;
    if (field.scale == 1)
      json[std::string(field.name)] = *value;
    else
      json[std::string(field.name)] = double(*value) / field.scale;
  }
  return json;
}

Result<LimitsAsked> limits_from_json(const nlohmann::json& json) {
  if (!json.is_object()) return make_error(ErrorCode::InvalidArgument, "limits must be an object");
  LimitsAsked limits;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_number())
      return make_error(ErrorCode::InvalidArgument, fmt::format("limits.{} is no number", name));
    const auto set = set_limit(limits, name, value.get<double>());
    if (!set && set.error().code != ErrorCode::NotFound)
      return make_error(ErrorCode::InvalidArgument,
                        fmt::format("limits.{} {}", name, set.error().message));
  }
  return limits;
}

}  // namespace pixell::model
