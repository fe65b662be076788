#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "cmd/pac/life_line.hpp"
#include "cmd/pac/role.hpp"
#include "cmd/pac/takeover.hpp"

namespace pixell::cmd {

/// What a supervisor works with.
struct SupervisorParts {
  std::filesystem::path run_dir;  ///< holds <role>.pid of each role that runs; must be there
  /// A non-blocking signalfd of SIGCHLD, SIGUSR2 and of the signals that ask to stop; the caller's.
  int signal_fd = -1;
  const Clock& clock;
  Log log;
  Takeover* takeover = nullptr;     ///< of the roles that run already; the caller's
  std::function<void()> on_turn{};  ///< called at the end of each turn, when there is one
};

/// Starts roles, starts again what ends or hangs, and stops them one by one. One thread, no state
/// but what can be made again.
///
///   running ─a stop signal─▶ stopping ─another one─▶ hasty (stop() gives less time)
class Supervisor {
 public:
  Supervisor(std::vector<Role> roles, SupervisorParts parts);

  /// Starts the roles in their order and keeps them running until a stop signal comes, or SIGUSR2,
  /// which asks for an upgrade.
  void run_until_asked();

  /// Starts what is due (unless stopping), waits for a signal, the next restart or `deadline`, and
  /// handles what came. What ended meanwhile is started again by a later turn.
  void turn(Instant deadline);

  /// Ends a role: SIGTERM, and SIGKILL after `timeout`. Goes on watching the others meanwhile. A
  /// role that does not run, or is not there, is success.
  void stop(std::string_view name, Millis timeout);

  /// Ends the roles that run and are not ready yet: nobody would find them after an exec.
  void end_unready();

  bool is_stopping() const { return is_stopping_; }
  bool is_hasty() const { return is_hasty_; }
  /// Whether SIGUSR2 came since it was asked last.
  bool take_upgrade_request() { return std::exchange(wants_upgrade_, false); }
  const std::vector<Role>& roles() const { return roles_; }
  /// Whether a role runs and has said that it serves; true for a role that is not there.
  bool is_ready(std::string_view name) const;

 private:
  // What is known of a role's process by its life line.
  struct Watch {
    UniqueFd line;
    Pulse pulse{Instant()};
    bool is_killed = false;
  };
  void start_due();
  void start(std::size_t index);
  void wait(Instant deadline);
  void listen(std::size_t index);
  void kill_hung();
  void read_signals();
  void reap();
  std::filesystem::path pid_file(const Role& role) const;

  std::vector<Role> roles_;
  std::vector<Watch> watches_;  // of the same index
  SupervisorParts parts_;
  bool is_stopping_ = false;
  bool is_hasty_ = false;
  bool wants_upgrade_ = false;
};

}  // namespace pixell::cmd
