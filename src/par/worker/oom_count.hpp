#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pixell::par {

/// How many processes of our cgroup the kernel has ended for want of memory (cgroup v2
/// memory.events, v1 memory.oom_control); nothing when that cannot be read.
std::optional<std::int64_t> count_oom_kills();

/// The file that counts, from the text of /proc/self/cgroup; empty when no memory controller is
/// named there. Pure.
std::string oom_file_of(std::string_view cgroups);

/// The number behind `oom_kill ` in such a file. Pure.
std::optional<std::int64_t> parse_oom_kills(std::string_view text);

}  // namespace pixell::par
