#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"

namespace pixell::model {

/// What an instance uses now, all of its processes together.
struct InstanceUsage {
  double cpu_seconds = 0;  ///< since it started; of ended processes where the engine can tell
  std::int64_t memory_bytes =
      0;                     ///< without what the kernel would take back first: idle file pages
  std::int64_t threads = 0;  ///< of all processes, as Resources::max_pids counts them
  bool operator==(const InstanceUsage&) const = default;
};

/// {"cpu_seconds", "memory_bytes", "threads"}, as node, control and the API exchange it.
nlohmann::json to_json(const InstanceUsage& usage);
/// DataLoss when it is something else.
Result<InstanceUsage> instance_usage_from_json(const nlohmann::json& json);

}  // namespace pixell::model
