#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pixell::engine::node {

/// What an agent has on disk.
struct DiskUsage {
  std::int64_t bytes = 0;  ///< as allocated, so holes do not count; a file with many names once
  std::int64_t files = 0;  ///< entries of all kinds
  /// Why measuring stopped early, one sentence: an amount that is itself beyond a limit. Else
  /// empty.
  std::string excess;
};

/// Where one agent's files may be.
struct DiskPlaces {
  std::vector<std::filesystem::path> directories;  ///< its own: everything below them counts
  /// Directories anyone may write to (/tmp): entries there that belong to `user`, and below them.
  std::vector<std::filesystem::path> shared;
  std::optional<uid_t> user;  ///< the agent's own user; none = nothing shared is looked at
  /// The agent's processes: files they keep open after their last name was removed count too.
  std::vector<pid_t> processes;
};

/// Adds up what is there, following no link and leaving no directory's file system. Stops when
/// `max_bytes`, kMaxAgentFiles or kMaxAgentDepth is exceeded. What disappears or cannot be read
/// meanwhile does not count. May run on any thread, on files that somebody hostile changes at the
/// same time.
DiskUsage measure_disk(const DiskPlaces& places, std::int64_t max_bytes);

}  // namespace pixell::engine::node
