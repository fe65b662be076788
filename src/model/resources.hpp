#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace pixell::model {

/// Limits of one instance. 0 = not limited.
struct Resources {
  std::int64_t memory_mb = 512;
  std::int64_t cpu_units = 256;  ///< share when cores are wanted by many; 1024 = one core's
  std::int64_t max_pids = 256;   ///< processes and threads
  std::int64_t cpu_milli = 0;    ///< ceiling even on an idle machine, thousandths of a core
  std::int64_t disk_mb = 1024;   ///< what the agent may write, in all and in one file
};

/// Limits as a manifest or a request names them; what is not named is left to the next in line.
struct LimitsAsked {
  std::optional<std::int64_t> memory_mb;
  std::optional<std::int64_t> cpu_milli;  ///< written as `cpus: 1.5`
  std::optional<std::int64_t> processes;
  std::optional<std::int64_t> disk_mb;
  bool operator==(const LimitsAsked&) const = default;
};

/// The most that may be asked for.
inline constexpr std::int64_t kMaxMemoryMb = 1024 * 1024;
inline constexpr std::int64_t kMaxCpus = 1024;
inline constexpr std::int64_t kMaxProcesses = 32'768;
inline constexpr std::int64_t kMaxDiskMb = 16 * 1024 * 1024;

/// Sets the limit called `name` (memory_mb, cpus, processes, disk_mb). NotFound for another name,
/// OutOfRange with the range as its message for a value that is not in it or not whole.
Result<void> set_limit(LimitsAsked& limits, std::string_view name, double value);

/// What `first` names, else what `second` names, else what `usual` has.
Resources resolve_resources(const LimitsAsked& first, const LimitsAsked& second,
                            const Resources& usual);

/// As an object with the names above; only what is set.
nlohmann::json to_json(const LimitsAsked& limits);
/// Unknown names are ignored: a newer writer may know more. InvalidArgument for a wrong value.
Result<LimitsAsked> limits_from_json(const nlohmann::json& json);

}  // namespace pixell::model
