// The part of InstanceProcess that looks after the agent's disk limit.

#include <fmt/format.h>

#include "engine/local/node/instance_process.hpp"

namespace pixell::engine::node {

std::optional<DiskPlaces> InstanceProcess::disk_places() const {
  if (life_ != Life::Running || record_.spec.resources.disk_mb <= 0) return {};
  return DiskPlaces{.directories = files_.agent_directories(),
                    .shared = {"/tmp", "/var/tmp"},
                    .user = node_.user_ids.user_of(record_.slot),
                    .processes = cgroup_.processes()};
}

void InstanceProcess::on_disk_excess(const DiskUsage& usage) {
  if (life_ != Life::Running || stop_ || forced_failure_) return;
  forced_failure_ = model::make_failure(
      model::Cause::DiskLimit, fmt::format("the agent was ended: {}", usage.excess),
      {fmt::format("limit: {} MiB", record_.spec.resources.disk_mb),
       fmt::format("found: {} MiB in {} files", usage.bytes / 1024 / 1024, usage.files)});
  log_.warning("Instance exceeds its disk limit", {{"excess", usage.excess}});
  force_end();
}

}  // namespace pixell::engine::node
