#include "par/worker/sandbox.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "base/control_group.hpp"
#include "base/files.hpp"
#include "par/limits.hpp"
#include "par/worker/control_group.hpp"

namespace pixell::par {

void confine(const Sandbox& sandbox, ProcessSpec& spec) {
  spec.user = sandbox.user;
  spec.dies_with_parent = true;
  spec.no_new_privileges = true;
  spec.drop_capabilities = true;
  spec.umask = kWorkerUmask;
  spec.oom_score_adj = kWorkerOomScore;
  // A core file would hold the agent's secrets, and go round the disk limit.
  spec.limits.push_back({.resource = RLIMIT_CORE, .value = 0});
  if (sandbox.open_files > 0)
    spec.limits.push_back({.resource = RLIMIT_NOFILE, .value = std::uint64_t(sandbox.open_files)});
  if (sandbox.disk_mb > 0)
    spec.limits.push_back(
        {.resource = RLIMIT_FSIZE, .value = std::uint64_t(sandbox.disk_mb) * 1024 * 1024});
  // The kernel counts it per user: with a shared one, agents would take each other's.
  if (sandbox.processes > 0 && sandbox.user)
    spec.limits.push_back({.resource = RLIMIT_NPROC, .value = std::uint64_t(sandbox.processes)});
}

namespace {

// A killed process may have forked just before: look again this often.
constexpr int kKillRounds = 20;

bool belongs_to(pid_t pid, uid_t user) {
  struct stat found {};
  return ::stat(fmt::format("/proc/{}", pid).c_str(), &found) == 0 && found.st_uid == user;
}

// Kills once who is there now; how many that were.
int kill_members(const std::string& procs_file, uid_t user) {
  const auto text = read_file(procs_file);
  if (!text) return 0;
  int killed = 0;
  const char* at = text->data();
  const char* const end = at + text->size();
  while (at < end) {
    pid_t pid = 0;
    const auto [after, failed] = std::from_chars(at, end, pid);
    if (failed != std::errc()) break;
    at = after + 1;
    if (pid > 0 && belongs_to(pid, user) && ::kill(pid, SIGKILL) == 0) ++killed;
  }
  return killed;
}

}  // namespace

model::BootLimits limits_of(const Sandbox& sandbox) {
  model::BootLimits limits = read_group_limits();
  if (sandbox.processes > 0 && sandbox.user)
    limits.processes = std::min(limits.processes.value_or(sandbox.processes), sandbox.processes);
  if (sandbox.disk_mb > 0) limits.disk_mb = sandbox.disk_mb;
  if (sandbox.open_files > 0) limits.open_files = sandbox.open_files;
  if (sandbox.user) limits.user = static_cast<std::int64_t>(*sandbox.user);
  return limits;
}

void kill_left_overs(uid_t user) {
  if (user == 0 || user == ::geteuid()) return;
  const auto cgroups = read_file("/proc/self/cgroup");
  if (!cgroups) return;
  // The group that counts processes holds all of ours; a parent group would hold others'.
  const auto directories = group_directories(*cgroups, "pids");
  if (directories.empty()) return;
  for (int round = 0; round < kKillRounds; ++round)
    if (kill_members(directories.front().path + "/cgroup.procs", user) == 0) return;
}

}  // namespace pixell::par
