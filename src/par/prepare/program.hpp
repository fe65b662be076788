#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/result.hpp"

namespace pixell::prepare {

struct ProgramRun {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string directory;
  Millis timeout{60'000};
  /// Runs as this user, without capabilities, with limits: for what may run strangers' code.
  std::optional<uid_t> user{};
};

struct ProgramEnd {
  ExitStatus status;
  std::string output;  ///< stdout and stderr as they came, the last kMaxOutputBytes
  /// It failed, and meanwhile the kernel ended a process of our control group for want of memory.
  bool is_out_of_memory = false;

  bool is_success() const { return status.code == 0 && status.signal == 0; }
};

/// Runs a program to its end: what it printed until it exited counts, whoever still holds its
/// output. DeadlineExceeded when it took longer; it is killed then. In both cases everything it
/// started and left behind is killed too, also what made a session of its own. This process must
/// have no other children.
Result<ProgramEnd> run_program(const ProgramRun& run);

/// The last lines of an output that say something, oldest first.
std::vector<std::string> last_lines(const std::string& output, std::size_t count);

/// "https://user:password@host/…" without what stands before '@'.
std::string without_credentials(std::string line);

}  // namespace pixell::prepare
