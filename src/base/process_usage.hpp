#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pixell {

/// What a process uses now, as /proc tells it.
struct ProcessUsage {
  double cpu_seconds = 0;  ///< user and system, since its start
  std::uint64_t resident_bytes = 0;
  std::uint64_t threads = 0;
  std::optional<std::uint64_t> open_fds;  ///< unset when we may not look
};

/// Reads /proc/<pid>; nothing when there is no such process.
std::optional<ProcessUsage> read_process_usage(pid_t pid);

/// The sum over several processes; nothing when there is none of them. Their descriptors are only
/// told when all may be looked at.
std::optional<ProcessUsage> read_process_usage(const std::vector<pid_t>& pids);

/// Everything but open_fds from the text of /proc/<pid>/stat; the name in it may hold anything.
/// Nothing when the text is malformed. Pure.
std::optional<ProcessUsage> parse_process_stat(std::string_view text, long ticks_per_second,
                                               long page_bytes);

}  // namespace pixell
