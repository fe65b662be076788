#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/process.hpp"
#include "model/boot_report.hpp"

namespace pixell::par {

/// What the agent's process may take. 0 = not limited.
struct Sandbox {
  std::optional<uid_t> user;    ///< its own user; none = ours
  std::int64_t processes = 0;   ///< processes and threads of its user; needs a user of its own
  std::int64_t disk_mb = 0;     ///< size of each file it writes
  std::int64_t open_files = 0;  ///< descriptors of each process
};

/// Closes the agent's process in: its user, no new privileges, no capabilities, resource limits, a
/// private umask, no core files, dies with par, and first to go when memory runs out. Pure: only
/// fills `spec`. Memory and CPU are limited by control groups, which whoever starts par sets up.
void confine(const Sandbox& sandbox, ProcessSpec& spec);

/// What is in force for the agent: these limits, and those of the control groups we are in.
model::BootLimits limits_of(const Sandbox& sandbox);

/// Ends every process of `user` in our own control group, also those that left the worker's process
/// group. Whoever starts par must have given the user to this one agent. No effect without a group.
void kill_left_overs(uid_t user);

}  // namespace pixell::par
