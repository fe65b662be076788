#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pixell {

/// A directory of the control group file system.
struct GroupDirectory {
  std::string path;
  bool is_v2 = false;
};

/// Where the limits of `controller` (memory, cpu, pids) that hold for us may stand, our own group
/// first, then its parents up to the mount. From the text of /proc/self/cgroup; empty when the
/// controller is not there. In a container some of them do not exist: the mount is our own group
/// then. Pure.
std::vector<GroupDirectory> group_directories(std::string_view cgroups,
                                              std::string_view controller);

/// How many processes of our group the kernel has ended for want of memory; nothing when that
/// cannot be read.
std::optional<std::int64_t> count_oom_kills();

/// Tells new kills for want of memory from those that were known already.
class OomKills {
 public:
  /// True when the kernel has ended a process of our group since the last call.
  bool take_new() {
    const std::int64_t count = count_oom_kills().value_or(0);
    return std::exchange(known_, count) < count;
  }

 private:
  std::int64_t known_ = 0;
};

/// The number behind `oom_kill ` in memory.events (version 2) or memory.oom_control (version 1).
/// Pure.
std::optional<std::int64_t> parse_oom_kills(std::string_view text);

}  // namespace pixell
