#include "base/control_group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/files.hpp"

namespace pixell {

namespace {

// Calls `visit` with each line of a text.
void for_each_line(std::string_view text, auto visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Controllers are named by comma: "cpu,cpuacct".
bool names(std::string_view controllers, std::string_view wanted) {
  while (!controllers.empty()) {
    const std::size_t end = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, end) == wanted) return true;
    controllers.remove_prefix(std::min(end + 1, controllers.size()));
  }
  return false;
}

// `mount` + `path` and every parent down to the mount itself.
std::vector<GroupDirectory> upwards(const std::string& mount, std::string path, bool is_v2) {
  std::vector<GroupDirectory> directories;
  while (path.size() > 1) {
    directories.push_back({.path = mount + path, .is_v2 = is_v2});
    path.resize(path.rfind('/'));
  }
  directories.push_back({.path = mount, .is_v2 = is_v2});
  return directories;
}

}  // namespace

std::vector<GroupDirectory> group_directories(std::string_view cgroups,
                                              std::string_view controller) {
  // Lines are "id:controllers:path"; version 2 has id 0 and no controllers (man 7 cgroups).
  std::vector<GroupDirectory> found;
  std::vector<GroupDirectory> unified;
  for_each_line(cgroups, [&](std::string_view line) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (controllers.empty())
      unified = upwards("/sys/fs/cgroup", path, true);
    else if (names(controllers, controller))
      found = upwards(fmt::format("/sys/fs/cgroup/{}", controllers), path, false);
  });
  return found.empty() ? unified : found;
}

std::optional<std::int64_t> parse_oom_kills(std::string_view text) {
  constexpr std::string_view kKey = "oom_kill ";
  std::optional<std::int64_t> count;
  for_each_line(text, [&count, kKey](std::string_view line) {
    std::int64_t value = 0;
    if (!line.starts_with(kKey)) return;
    const auto [end, failed] =
        std::from_chars(line.data() + kKey.size(), line.data() + line.size(), value);
    if (failed == std::errc() && end == line.data() + line.size()) count = value;
  });
  return count;
}

std::optional<std::int64_t> count_oom_kills() {
  const auto cgroups = read_file("/proc/self/cgroup");
  if (!cgroups) return std::nullopt;
  for (const GroupDirectory& group : group_directories(*cgroups, "memory")) {
    const auto text =
        read_file(group.path + (group.is_v2 ? "/memory.events" : "/memory.oom_control"));
    if (text) return parse_oom_kills(*text);
  }
  return std::nullopt;
}

}  // namespace pixell
