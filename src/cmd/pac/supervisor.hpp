#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "cmd/pac/role.hpp"

namespace pixell::cmd {

/// What a supervisor works with.
struct SupervisorParts {
  std::filesystem::path run_dir;  ///< holds <role>.pid of each role that runs; must be there
  /// A non-blocking signalfd of SIGCHLD and of the signals that ask to stop; the caller's.
  int signal_fd = -1;
  const Clock& clock;
  Log log;
};

/// Starts roles, starts again what ends, and stops them one by one. One thread, no state but what
/// can be made again.
///
///   running ─a stop signal─▶ stopping ─another one─▶ hasty (stop() gives less time)
class Supervisor {
 public:
  Supervisor(std::vector<Role> roles, SupervisorParts parts);

  /// Starts the roles in their order and keeps them running until a stop signal comes.
  void run_until_stopped();

  /// Starts what is due (unless stopping), waits for a signal, the next restart or `deadline`, and
  /// handles what came. What ended meanwhile is started again by a later turn.
  void turn(Instant deadline);

  /// Ends a role: SIGTERM, and SIGKILL after `timeout`. Goes on watching the others meanwhile. A
  /// role that does not run, or is not there, is success.
  void stop(std::string_view name, Millis timeout);

  bool is_stopping() const { return is_stopping_; }
  bool is_hasty() const { return is_hasty_; }
  const std::vector<Role>& roles() const { return roles_; }

 private:
  void start_due();
  void start(Role& role);
  void read_signals();
  void reap();
  std::filesystem::path pid_file(const Role& role) const;

  std::vector<Role> roles_;
  SupervisorParts parts_;
  bool is_stopping_ = false;
  bool is_hasty_ = false;
};

}  // namespace pixell::cmd
