#include "par/worker/oom_count.hpp"

#include <algorithm>
#include <charconv>

#include "base/files.hpp"

namespace pixell::par {

namespace {

// Calls `visit` with each line of a text.
void for_each_line(std::string_view text, auto visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::string oom_file_of(std::string_view cgroups) {
  // Lines are "id:controllers:path"; version 2 has id 0 and no controllers (man 7 cgroups).
  std::string file;
  for_each_line(cgroups, [&file](std::string_view line) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (controllers == "memory")
      file = "/sys/fs/cgroup/memory" + path + "/memory.oom_control";
    else if (controllers.empty() && file.empty())
      file = "/sys/fs/cgroup" + path + "/memory.events";
  });
  return file;
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
  const std::string file = oom_file_of(*cgroups);
  if (file.empty()) return std::nullopt;
  const auto text = read_file(file);
  return text ? parse_oom_kills(*text) : std::nullopt;
}

}  // namespace pixell::par
