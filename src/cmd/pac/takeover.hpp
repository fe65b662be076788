#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "cmd/pac/role_record.hpp"

namespace pixell::cmd {

/// How a takeover goes about it.
struct TakeoverOptions {
  Millis drain;  ///< how long a replaced edge lets running exchanges and streams go on
  const Clock& clock;
  Log log;
};

/// Replaces the processes of a former `pac serve` (or of the same one before it became another
/// program) by new ones, so that no connection is lost. It decides and signals; the Supervisor
/// starts the new ones.
///
///   edge ─ the new one is ready; the old ones leave ─▶ node ─ old ends, new ready ─▶ control ─▶
///   over
///
/// The new edge runs beside the old one, which then stops accepting and drains. Of node and control
/// there is one at a time. When a new edge does not get ready nothing else is touched, so that a
/// program that does not work replaces nothing.
class Takeover {
 public:
  Takeover(const std::vector<RoleRecord>& former, TakeoverOptions options);

  /// True while the role must not be started because its former process is still at work.
  bool holds_back(std::string_view role) const;

  /// Goes on as far as it can. `is_ready` tells whether the new process of a role serves, true for
  /// roles that there are none of.
  void turn(const std::function<bool(std::string_view)>& is_ready);

  bool is_over() const { return stage_ == Stage::Over; }
  /// Why it does not get on, empty = it does. It may still get on later.
  const std::string& failure() const { return failure_; }

  /// Asks what is left to end; edges that still drain have kDrainTimeout like any that is stopped.
  void hurry();
  /// Whether one of the former processes is still there.
  bool is_any_running() const;
  /// Ends them now.
  void kill();

 private:
  enum class Stage { Edge, Node, Control, Over };
  struct Former {
    std::string role;
    ProcessIdentity identity;
    UniqueFd pidfd;  // readable when it has ended
    bool is_asked = false;
    Instant kill_at{};  // when is_asked
    bool is_killed = false;
  };
  bool has_ended(const Former& process) const;
  bool is_any_left(std::string_view role) const;
  void ask(Former& process);
  void send(const Former& process, int signal) const;
  void kill_overdue();
  void enter(Stage stage);

  TakeoverOptions options_;
  std::vector<Former> former_;
  Stage stage_ = Stage::Edge;
  Instant stage_since_;
  std::string failure_;
};

}  // namespace pixell::cmd
