#include "engine/local/node/cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>

#include "base/files.hpp"

namespace pixell::engine::node {

namespace fs = std::filesystem;

namespace {

// The kernel's own default; a quota is a part of it.
constexpr std::int64_t kCpuPeriodUs = 100'000;
// A killed process may have forked just before: look again this often.
constexpr int kKillRounds = 20;

Result<void> write_control(const fs::path& path, const std::string& value) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno_error(fmt::format("cannot open {}", path.string()), errno);
  if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return errno_error(fmt::format("cannot write {} to {}", value, path.string()), errno);
  return {};
}

Result<void> make_group(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return errno_error(fmt::format("cannot make {}", path.string()), errno);
  return {};
}

bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const bool starts = at == 0 || text[at - 1] == ' ';
    const std::size_t end = at + word.size();
    if (starts && (end == text.size() || text[end] == ' ' || text[end] == '\n')) return true;
  }
  return false;
}

std::vector<pid_t> processes_in(const fs::path& directory) {
  std::vector<pid_t> pids;
  const auto text = read_file(directory / "cgroup.procs");
  if (!text) return pids;  // the group has gone
  const char* at = text->data();
  const char* const end = at + text->size();
  while (at < end) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ec != std::errc()) break;
    if (pid > 0) pids.push_back(pid);
    at = parsed.ptr + 1;
  }
  return pids;
}

// The number behind "name " at the start of a line, or 0.
std::int64_t counter(const fs::path& path, std::string_view name) {
  const auto text = read_file(path);
  if (!text) return 0;
  const std::string needle = "\n" + std::string(name) + " ";
  const std::string lines = "\n" + *text;
  const std::size_t at = lines.find(needle);
  if (at == std::string::npos) return 0;
  std::int64_t value = 0;
  std::from_chars(lines.data() + at + needle.size(), lines.data() + lines.size(), value);
  return value;
}

// The number that is all of a file; nothing without such a file.
std::optional<std::int64_t> number_in(const fs::path& path) {
  const auto text = read_file(path);
  std::int64_t value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
    return std::nullopt;
  return value;
}

}  // namespace

Result<std::vector<UniqueFd>> Cgroup::open_procs() const {
  std::vector<UniqueFd> fds;
  for (const fs::path& directory : directories_) {
    fds.emplace_back(::open((directory / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!fds.back())
      return errno_error(fmt::format("cannot open {}/cgroup.procs", directory.string()), errno);
  }
  return fds;
}

void Cgroup::kill_all() const {
  // cgroup.kill exists in version 2 since Linux 5.14 and ends everything at once.
  if (directories_.size() == 1 && write_control(directories_[0] / "cgroup.kill", "1")) return;
  for (const fs::path& directory : directories_)  // a fork bomb must not outrun us
    if (fs::exists(directory / "pids.max"))
      if (auto stopped = write_control(directory / "pids.max", "0"); !stopped) continue;
  for (int round = 0; round < kKillRounds; ++round) {
    std::set<pid_t> pids;
    for (const fs::path& directory : directories_)
      for (const pid_t pid : processes_in(directory)) pids.insert(pid);
    if (pids.empty()) return;
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
  }
}

std::vector<pid_t> Cgroup::processes() const {
  return directories_.empty() ? std::vector<pid_t>() : processes_in(directories_.front());
}

// Version 1 has "total_…" for a group with those below it.
Cgroup::Usage Cgroup::usage() const {
  constexpr double kMicros = 1e6;
  Usage found;
  for (const fs::path& directory : directories_) {
    for (const char* name : {"memory.current", "memory.usage_in_bytes"})
      if (const auto used = number_in(directory / name)) {
        const fs::path details = directory / "memory.stat";
        const std::int64_t inactive =
            std::max(counter(details, "inactive_file"), counter(details, "total_inactive_file"));
        found.memory_bytes = std::max(*used - inactive, std::int64_t(0));
      }
    if (const auto threads = number_in(directory / "pids.current")) found.threads = *threads;
    if (fs::exists(directory / "cgroup.controllers"))
      found.cpu_seconds = double(counter(directory / "cpu.stat", "usage_usec")) / kMicros;
  }
  return found;
}

std::int64_t Cgroup::oom_kills() const {
  std::int64_t kills = 0;
  for (const fs::path& directory : directories_) {
    kills += counter(directory / "memory.events", "oom_kill");
    kills += counter(directory / "memory.oom_control", "oom_kill");
  }
  return kills;
}

Result<void> Cgroup::remove() const {
  for (const fs::path& directory : directories_) {
    if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) continue;
    if (errno == EBUSY)
      return make_error(ErrorCode::FailedPrecondition,
                        fmt::format("{} still holds processes", directory.string()));
    return errno_error(fmt::format("cannot remove {}", directory.string()), errno);
  }
  return {};
}

Cgroups Cgroups::detect(const std::string& mark, const fs::path& root) {
  Cgroups groups;
  const std::string name = "pixell-" + mark;
  if (!groups.detect_v2(root, name)) groups.detect_v1(root, name);
  if (!groups.limits_memory_)
    groups.notes_.push_back("memory is not limited: no writable control group for it");
  if (!groups.limits_pids_)
    groups.notes_.push_back("processes are not counted: no writable control group for them");
  if (!groups.limits_cpu_)
    groups.notes_.push_back("CPU is not shared by weight: no writable control group for it");
  return groups;
}

bool Cgroups::detect_v2(const fs::path& root, const std::string& name) {
  const auto controllers = read_file(root / "cgroup.controllers");
  if (!controllers || !has_word(*controllers, "memory") || !has_word(*controllers, "pids"))
    return false;
  const bool has_cpu = has_word(*controllers, "cpu");
  const std::string wanted = has_cpu ? "+memory +pids +cpu" : "+memory +pids";
  const fs::path parent = root / name;
  Result<void> ready = write_control(root / "cgroup.subtree_control", wanted);
  if (ready) ready = make_group(parent);
  if (ready) ready = write_control(parent / "cgroup.subtree_control", wanted);
  if (!ready) {
    notes_.push_back(
        fmt::format("control groups (version 2) cannot be used: {}", ready.error().message));
    return false;
  }
  version_ = Version::V2;
  parents_ = {{.controller = "unified", .directory = parent}};
  limits_memory_ = limits_pids_ = true;
  limits_cpu_ = has_cpu;
  return true;
}

void Cgroups::detect_v1(const fs::path& root, const std::string& name) {
  for (const char* controller : {"memory", "pids", "cpu"}) {
    if (!fs::exists(root / controller / "cgroup.procs")) continue;
    const fs::path parent = root / controller / name;
    if (auto made = make_group(parent); !made) {
      notes_.push_back(
          fmt::format("control groups (version 1) cannot be used: {}", made.error().message));
      continue;
    }
    version_ = Version::V1;
    parents_.push_back({.controller = controller, .directory = parent});
    limits_memory_ |= parents_.back().controller == "memory";
    limits_pids_ |= parents_.back().controller == "pids";
    limits_cpu_ |= parents_.back().controller == "cpu";
  }
}

Result<void> Cgroups::set_limits(const fs::path& directory, const std::string& controller,
                                 const model::Resources& limits) const {
  const bool is_v2 = version_ == Version::V2;
  if (limits.memory_mb > 0 && (is_v2 || controller == "memory")) {
    const std::string bytes = fmt::format("{}", limits.memory_mb * 1024 * 1024);
    TRY_VOID(write_control(directory / (is_v2 ? "memory.max" : "memory.limit_in_bytes"), bytes));
    // Without this the limit only moves the agent to the swap. Kernels may lack swap accounting.
    const fs::path swap = directory / (is_v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes");
    if (fs::exists(swap)) TRY_VOID(write_control(swap, is_v2 ? "0" : bytes));
  }
  if (limits.max_pids > 0 && (is_v2 || controller == "pids"))
    TRY_VOID(write_control(directory / "pids.max", fmt::format("{}", limits.max_pids)));
  // A share under contention, as ECS on EC2 has it, not a ceiling: an idle machine boots agents at
  // full speed. 1024 units are one core's share; 100 is the default weight of version 2.
  if (limits.cpu_units > 0 && limits_cpu_ && is_v2)
    TRY_VOID(write_control(
        directory / "cpu.weight",
        fmt::format("{}", std::clamp<std::int64_t>(limits.cpu_units * 100 / 1024, 1, 10'000))));
  if (limits.cpu_units > 0 && controller == "cpu")
    TRY_VOID(
        write_control(directory / "cpu.shares",
                      fmt::format("{}", std::clamp<std::int64_t>(limits.cpu_units, 2, 262'144))));
  return set_cpu_ceiling(directory, controller, limits.cpu_milli);
}

Result<void> Cgroups::set_cpu_ceiling(const fs::path& directory, const std::string& controller,
                                      std::int64_t milli) const {
  const bool is_v2 = version_ == Version::V2;
  if (milli <= 0 || !limits_cpu_ || !(is_v2 || controller == "cpu")) return {};
  const std::int64_t quota_us = milli * kCpuPeriodUs / 1000;
  if (is_v2)
    return write_control(directory / "cpu.max", fmt::format("{} {}", quota_us, kCpuPeriodUs));
  TRY_VOID(write_control(directory / "cpu.cfs_period_us", fmt::format("{}", kCpuPeriodUs)));
  return write_control(directory / "cpu.cfs_quota_us", fmt::format("{}", quota_us));
}

Result<Cgroup> Cgroups::create(const std::string& instance_id,
                               const model::Resources& limits) const {
  std::vector<fs::path> directories;
  for (const Parent& parent : parents_) {
    const fs::path directory = parent.directory / instance_id;
    TRY_VOID(make_group(directory));
    directories.push_back(directory);
    TRY_VOID(set_limits(directory, parent.controller, limits));
  }
  return Cgroup(std::move(directories));
}

Cgroup Cgroups::find(const std::string& instance_id) const {
  std::vector<fs::path> directories;
  for (const Parent& parent : parents_)
    if (fs::exists(parent.directory / instance_id))
      directories.push_back(parent.directory / instance_id);
  return Cgroup(std::move(directories));
}

void Cgroups::remove_if_empty() const {
  // rmdir refuses a group with children or processes, which is the check.
  for (const Parent& parent : parents_) ::rmdir(parent.directory.c_str());
}

std::vector<std::string> Cgroups::list() const {
  std::set<std::string> names;
  for (const Parent& parent : parents_) {
    std::error_code failed;  // a directory that has gone meanwhile has no groups
    for (const auto& entry : fs::directory_iterator(parent.directory, failed))
      if (entry.is_directory(failed)) names.insert(entry.path().filename().string());
  }
  return {names.begin(), names.end()};
}

}  // namespace pixell::engine::node
