#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/process.hpp"

namespace pixell::cmd {

/// One role process as its supervisor keeps it.
///
///   waiting ─due─▶ running ─ended─▶ waiting (back-off: 200 ms doubling to 5 s, anew after 10 s)
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

  /// Starts the process; a failure is logged and waits like an early end.
  void start(const Log& log, Instant now);
  /// The process ended, as waitpid told.
  void ended(const Log& log, int wait_status, Instant now, bool is_expected);

 private:
  void wait_before_restart(Instant now);

  std::string name_;
  ProcessSpec spec_;
  pid_t pid_ = 0;
  Instant started_at_{};
  Instant due_at_{};
  Millis backoff_{0};
};

}  // namespace pixell::cmd
