#include "par/worker/control_group.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/control_group.hpp"
#include "base/files.hpp"

namespace pixell::par {

namespace {

// Version 1 says "no limit" as the largest number of whole pages.
constexpr std::int64_t kUnlimitedBytes = std::int64_t{1} << 60;

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc()) return std::nullopt;  // "max"
  return value;
}

std::optional<std::int64_t> read_number(const std::string& path) {
  const auto text = read_file(path);
  return text ? number_in(*text) : std::nullopt;
}

std::optional<double> read_cpus(const std::string& directory, bool is_v2) {
  std::optional<std::int64_t> quota;
  std::optional<std::int64_t> period;
  if (is_v2) {  // "quota period"
    const auto text = read_file(directory + "/cpu.max");
    if (!text) return std::nullopt;
    quota = number_in(*text);
    const auto blank = text->find(' ');
    if (blank != std::string::npos) period = number_in(std::string_view(*text).substr(blank + 1));
  } else {
    quota = read_number(directory + "/cpu.cfs_quota_us");
    period = read_number(directory + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

template <class T>
void lower_to(std::optional<T>& value, const std::optional<T>& other) {
  if (other && (!value || *other < *value)) value = other;
}

}  // namespace

model::BootLimits read_group_limits(const std::string& root) {
  model::BootLimits limits;
  const auto cgroups = read_file(root + "/proc/self/cgroup");
  if (!cgroups) return limits;
  for (const auto& [path, is_v2] : group_directories(*cgroups, "memory")) {
    auto bytes = read_number(root + path + (is_v2 ? "/memory.max" : "/memory.limit_in_bytes"));
    if (bytes && *bytes >= kUnlimitedBytes) bytes.reset();
    lower_to(limits.memory_bytes, bytes);
  }
  for (const auto& [path, is_v2] : group_directories(*cgroups, "cpu"))
    lower_to(limits.cpus, read_cpus(root + path, is_v2));
  for (const auto& [path, is_v2] : group_directories(*cgroups, "pids"))
    lower_to(limits.processes, read_number(root + path + "/pids.max"));
  return limits;
}

}  // namespace pixell::par
