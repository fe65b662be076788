#include "base/process_usage.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "base/files.hpp"

namespace pixell {

namespace {

std::optional<std::uint64_t> count_open_fds(pid_t pid) {
  std::error_code failed;
  std::filesystem::directory_iterator entry(fmt::format("/proc/{}/fd", pid), failed);
  if (failed) return std::nullopt;
  std::uint64_t count = 0;
  for (; entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    if (failed) return std::nullopt;
    ++count;
  }
  // Of our own, the one that reads the directory is not counted.
  return pid == ::getpid() ? count - 1 : count;
}

}  // namespace

std::optional<ProcessUsage> parse_process_stat(std::string_view text, long ticks_per_second,
                                               long page_bytes) {
  // Fields are counted from behind the name, which is field 2 and ends with the last ')'.
  const auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 1);
  constexpr std::size_t kFirst = 3, kUserTicks = 14, kSystemTicks = 15, kThreads = 20, kPages = 24;
  std::array<std::uint64_t, kPages + 1> fields{};
  std::size_t field = kFirst;
  for (; field <= kPages; ++field) {
    const auto start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return std::nullopt;
    text.remove_prefix(start);
    const auto end = std::min(text.find(' '), text.size());
    // Field 3 is a letter and some may be negative; none of those is used.
    std::from_chars(text.data(), text.data() + end, fields[field]);
    text.remove_prefix(end);
  }
  return ProcessUsage{
      .cpu_seconds = static_cast<double>(fields[kUserTicks] + fields[kSystemTicks]) /
                     static_cast<double>(ticks_per_second),
      .resident_bytes = fields[kPages] * static_cast<std::uint64_t>(page_bytes),
      .threads = fields[kThreads],
      .open_fds = {}};
}

std::optional<ProcessUsage> read_process_usage(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto text = read_file(fmt::format("/proc/{}/stat", pid));
  if (!text) return std::nullopt;
  auto usage = parse_process_stat(*text, ::sysconf(_SC_CLK_TCK), ::sysconf(_SC_PAGESIZE));
  if (usage) usage->open_fds = count_open_fds(pid);
  return usage;
}

std::optional<ProcessUsage> read_process_usage(const std::vector<pid_t>& pids) {
  std::optional<ProcessUsage> sum;
  for (const pid_t pid : pids) {
    const auto usage = read_process_usage(pid);
    if (!usage) continue;  // it has ended meanwhile
    if (!sum) {
      sum = usage;
      continue;
    }
    sum->cpu_seconds += usage->cpu_seconds;
    sum->resident_bytes += usage->resident_bytes;
    sum->threads += usage->threads;
    if (sum->open_fds && usage->open_fds)
      *sum->open_fds += *usage->open_fds;
    else
      sum->open_fds.reset();
  }
  return sum;
}

}  // namespace pixell
