#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "model/agent_app.hpp"

namespace pixell::engine::node {

/// The control group of one instance: one directory (version 2) or one per controller (version 1).
/// Empty on a machine without usable groups: then every call is success without effect.
class Cgroup {
 public:
  Cgroup() = default;
  explicit Cgroup(std::vector<std::filesystem::path> directories)
      : directories_(std::move(directories)) {}

  bool exists() const { return !directories_.empty(); }

  /// Descriptors of the cgroup.procs files, for ProcessSpec::cgroup_procs.
  Result<std::vector<UniqueFd>> open_procs() const;

  /// Sends SIGKILL to everything inside, after forbidding new processes.
  void kill_all() const;

  /// The processes inside, as far as they can be seen.
  std::vector<pid_t> processes() const;

  /// What all inside use together, as far as the machine's groups count it.
  struct Usage {
    std::optional<std::int64_t> memory_bytes{};  ///< without inactive pages of files
    std::optional<std::int64_t> threads{};
    std::optional<double> cpu_seconds{};  ///< since the group was made
  };
  Usage usage() const;

  /// How many processes inside were ended by the kernel for want of memory.
  std::int64_t oom_kills() const;

  /// Removes the directories. FailedPrecondition while processes are inside.
  Result<void> remove() const;

 private:
  std::vector<std::filesystem::path> directories_;
};

/// The control groups of one installation: `pixell-<mark>/<instance>` below each hierarchy.
class Cgroups {
 public:
  /// Looks at what the machine has: version 2 with memory and pids, else version 1. What is
  /// missing is said in notes(). `mark` names the installation.
  static Cgroups detect(const std::string& mark,
                        const std::filesystem::path& root = "/sys/fs/cgroup");

  bool limits_memory() const { return limits_memory_; }
  bool limits_pids() const { return limits_pids_; }
  bool limits_cpu() const { return limits_cpu_; }
  /// What is degraded and why, one sentence each.
  const std::vector<std::string>& notes() const { return notes_; }

  /// Makes the group of an instance (an existing one is fine) and sets its limits.
  Result<Cgroup> create(const std::string& instance_id, const model::Resources& limits) const;

  /// The group an earlier node made for an instance; empty when there is none.
  Cgroup find(const std::string& instance_id) const;

  /// Removes this installation's directories when no instance is left in them.
  void remove_if_empty() const;

  /// Names below this installation's groups, to find those that nobody knows any more.
  std::vector<std::string> list() const;

 private:
  enum class Version { None, V1, V2 };
  bool detect_v2(const std::filesystem::path& root, const std::string& name);
  void detect_v1(const std::filesystem::path& root, const std::string& name);
  Result<void> set_limits(const std::filesystem::path& directory, const std::string& controller,
                          const model::Resources& limits) const;
  Result<void> set_cpu_ceiling(const std::filesystem::path& directory,
                               const std::string& controller, std::int64_t milli) const;

  struct Parent {
    std::string controller;  ///< memory, pids, cpu; "unified" for version 2
    std::filesystem::path directory;
  };
  Version version_ = Version::None;
  std::vector<Parent> parents_;
  bool limits_memory_ = false;
  bool limits_pids_ = false;
  bool limits_cpu_ = false;
  std::vector<std::string> notes_;
};

}  // namespace pixell::engine::node
