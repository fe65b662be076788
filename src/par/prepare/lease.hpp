#pragma once

#include <filesystem>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pixell::prepare {

/// A lease says that a process (the par that started this program) uses an environment; while it
/// lives the environment is not collected. One small file below `directory` per process; those
/// of dead processes are removed. A store that cannot be written to needs none.
Result<void> take_lease(const std::filesystem::path& directory);

/// True while a leaseholder lives. Leases of other machines, containers and boots, whose processes
/// cannot be asked, count for kForeignLeaseAge. Those of dead processes are removed.
bool has_living_lease(const std::filesystem::path& directory, UnixMillis now);

}  // namespace pixell::prepare
