#include "model/instance_usage.hpp"

#include <nlohmann/json.hpp>

namespace pixell::model {

nlohmann::json to_json(const InstanceUsage& usage) {
  return {{"cpu_seconds", usage.cpu_seconds},
          {"memory_bytes", usage.memory_bytes},
          {"threads", usage.threads}};
}

Result<InstanceUsage> instance_usage_from_json(const nlohmann::json& json) try {
  return InstanceUsage{.cpu_seconds = json.at("cpu_seconds").get<double>(),
                       .memory_bytes = json.at("memory_bytes").get<std::int64_t>(),
                       .threads = json.at("threads").get<std::int64_t>()};
} catch (const nlohmann::json::exception& failure) {
  return make_error(ErrorCode::DataLoss,
                    std::string("an instance's usage cannot be read: ") + failure.what());
}

}  // namespace pixell::model
