#include "engine/local/node/process_tree.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <string_view>
#include <vector>

#include "base/files.hpp"

namespace pixell::engine::node {

namespace {

// Parent → children, of all processes that can be seen.
std::multimap<pid_t, pid_t> children_by_parent() {
  std::multimap<pid_t, pid_t> children;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    const auto stat = read_file(entry.path() / "stat");
    if (!stat) continue;  // it has ended meanwhile
    // "pid (name) state parent …"; the name may hold anything, so start behind the last ')'.
    const std::size_t name_end = stat->rfind(')');
    if (name_end == std::string::npos || name_end + 4 >= stat->size()) continue;
    pid_t parent = 0;
    std::from_chars(stat->data() + name_end + 4, stat->data() + stat->size(), parent);
    if (parent > 0) children.emplace(parent, pid);
  }
  return children;
}

}  // namespace

std::vector<pid_t> descendants(pid_t pid) {
  const auto children = children_by_parent();
  std::vector<pid_t> found;
  std::vector<pid_t> parents = {pid};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    const auto [first, last] = children.equal_range(parent);
    for (auto child = first; child != last; ++child) {
      found.push_back(child->second);
      parents.push_back(child->second);
    }
  }
  return found;
}

void kill_descendants(pid_t pid) {
  for (const pid_t each : descendants(pid)) ::kill(each, SIGKILL);
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

}  // namespace pixell::engine::node
