#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/ecs/task_definition.hpp"

namespace pixell::engine::ecs {

namespace {

struct Row {
  std::int64_t cpu_units;
  std::int64_t least_mib;
  std::int64_t most_mib;
  std::int64_t step_mib;
};

// Amazon ECS Developer Guide, "Task CPU and memory" of Fargate for Linux.
constexpr std::array kRows{
    Row{256, 512, 2048, 0},  // 512, 1024 and 2048 only
    Row{512, 1024, 4096, 1024},      Row{1024, 2048, 8192, 1024},
    Row{2048, 4096, 16'384, 1024},   Row{4096, 8192, 30'720, 1024},
    Row{8192, 16'384, 61'440, 4096}, Row{16'384, 32'768, 122'880, 8192},
};

std::int64_t memory_of(const Row& row, std::int64_t wanted) {
  std::int64_t memory = row.least_mib;
  while (memory < wanted) memory += row.step_mib == 0 ? memory : row.step_mib;
  return memory;
}

}  // namespace

Result<TaskSize> fargate_size(const model::Resources& wanted) {
  // A ceiling in thousandths of a core has to fit into the task as well.
  const std::int64_t ceiling =
      (std::clamp<std::int64_t>(wanted.cpu_milli, 0, 1'000'000) * 1024 + 999) / 1000;
  const std::int64_t cpu = std::max(wanted.cpu_units, ceiling);
  for (const Row& row : kRows)
    if (row.cpu_units >= cpu && row.most_mib >= wanted.memory_mb)
      return TaskSize{.cpu_units = row.cpu_units, .memory_mib = memory_of(row, wanted.memory_mb)};
  const Row& last = kRows.back();
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("resources: {} cpu units and {} MiB of memory are more than a "
                                "Fargate task has; ask for at most {} and {}",
                                cpu, wanted.memory_mb, last.cpu_units, last.most_mib));
}

}  // namespace pixell::engine::ecs
