#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell::cmd {

// A life line is a pipe from a role to its supervisor. The role writes single bytes: the number of
// a loop thread that is alive, every kBeatPeriod, and once kReadyByte. Nothing is kept anywhere
// else, and a supervisor that is gone or slow holds up nobody.

inline constexpr std::uint8_t kReadyByte = 0xff;

/// The role's end. Safe from any thread.
class LifeLine {
 public:
  /// -1: nobody watches, and every call does nothing. The descriptor must be non-blocking.
  explicit LifeLine(UniqueFd fd) : fd_(std::move(fd)) {}

  /// The loop of this number, from 0 and below kReadyByte, has had a turn.
  void beat(int loop) const;
  /// The role serves.
  void ready() const;

 private:
  void say(std::uint8_t byte) const;
  UniqueFd fd_;
};

/// The two ends of a new life line, both non-blocking and close-on-exec.
struct LifeLineEnds {
  UniqueFd watched;
  UniqueFd spoken;
};
Result<LifeLineEnds> make_life_line();

/// Judges by what a life line tells whether a process hangs. Pure: the time is told.
///
///   starting ─ready─▶ ready; silent for too long in either = hung
class Pulse {
 public:
  /// A process was started.
  explicit Pulse(Instant now) : looked_at_(now), started_at_(now) {}

  /// To be called whenever the watcher looks, before heard(). What was not watched, because the
  /// watcher itself was held up for kWatcherGap (a suspended machine), is not held against anybody.
  void looked(Instant now);
  void heard(std::uint8_t byte, Instant now);

  bool is_ready() const { return is_ready_; }
  /// Why it is taken for hung: "loop 2 was silent for 10000 ms"; empty = it is well.
  std::string complaint(Instant now) const;

 private:
  Instant looked_at_;
  Instant started_at_;
  bool is_ready_ = false;
  std::map<std::uint8_t, Instant> heard_at_;
};

/// Whether a debugger holds the process: it is stopped for a reason then.
bool is_traced(int pid);

}  // namespace pixell::cmd
