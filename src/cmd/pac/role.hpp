#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/process.hpp"

namespace pixell::cmd {

/// The number of a role's end of its life line.
inline constexpr int kLifeFd = 3;

/// One role process as its supervisor keeps it.
///
///   waiting ─due─▶ running ─ended─▶ waiting (kRoleBackoffs, anew after kStableRoleRun)
///
/// A new role is due at once. Whoever supervises it calls start() and ended(); see Supervisor.
class Role {
 public:
  /// `spec` starts the process; descriptors it names stay the caller's and open.
  Role(std::string name, ProcessSpec spec) : name_(std::move(name)), spec_(std::move(spec)) {}

  const std::string& name() const { return name_; }
  const ProcessSpec& spec() const { return spec_; }
  /// 0 while it does not run.
  pid_t pid() const { return pid_; }
  bool is_running() const { return pid_ > 0; }
  /// When start() is due again; meaningful while it does not run.
  Instant due_at() const { return due_at_; }

  /// Starts the process, with `life_fd` (or -1) as its descriptor kLifeFd; a failure is logged and
  /// waits like an early end.
  void start(const Log& log, Instant now, int life_fd = -1);
  /// The process ended, as waitpid told.
  void ended(const Log& log, int wait_status, Instant now, bool is_expected);

 private:
  Millis wait_before_restart(Instant now);

  std::string name_;
  ProcessSpec spec_;
  pid_t pid_ = 0;
  Instant started_at_{};
  Instant due_at_{};
  std::size_t early_ends_ = 0;  // since the last stable run
};

}  // namespace pixell::cmd
