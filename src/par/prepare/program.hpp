#pragma once

#include <map>
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
};

struct ProgramEnd {
  ExitStatus status;
  std::string output;  ///< stdout and stderr as they came, the last kMaxOutputBytes
};

/// Runs a program to its end. DeadlineExceeded when it took longer; its whole group is killed then.
Result<ProgramEnd> run_program(const ProgramRun& run);

/// The last lines of an output that say something, oldest first.
std::vector<std::string> last_lines(const std::string& output, std::size_t count);

/// "https://user:password@host/…" without what stands before '@'.
std::string without_credentials(std::string line);

}  // namespace pixell::prepare
