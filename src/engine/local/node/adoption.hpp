#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/process.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell::engine::node {

/// A process that an earlier node started and that still runs.
struct FoundProcess {
  ProcessIdentity identity;
  UniqueFd pidfd;
};

/// Opens the identified process if it still runs; nullopt when it has ended.
Result<std::optional<FoundProcess>> find_recorded(const ProcessIdentity& identity);

/// Looks through /proc for a par that was started for `instance_dir` but whose process record was
/// never written (the node died in between): the oldest `par_program` with that INSTANCE_DIR.
std::optional<FoundProcess> find_unrecorded(const std::filesystem::path& instance_dir,
                                            const std::filesystem::path& par_program);

/// Takes a copy of the listening socket `path` that a par holds as descriptor 3
/// (pidfd_getfd(2); needs the right to trace the process).
Result<UniqueFd> recover_listener(int pidfd, const std::filesystem::path& path);

}  // namespace pixell::engine::node
