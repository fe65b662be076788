#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"

namespace pixell::cmd {

/// Where a Log writes so that a person at a terminal can read it: a pipe whose lines a thread of
/// its own turns into text by TerminalView and writes to standard output. (Not on the loop: a Log
/// waits for its reader.) The thread takes no signals and ends with the object.
class TerminalOutput {
 public:
  /// The thread starts at once. `url` is told when the agent is ready.
  static Result<std::unique_ptr<TerminalOutput>> start(std::string url, bool has_colour);

  /// Shows what is left and joins the thread. No Log may write to fd() any more.
  ~TerminalOutput();
  TerminalOutput(const TerminalOutput&) = delete;
  TerminalOutput& operator=(const TerminalOutput&) = delete;

  /// The descriptor to write JSON lines to; owned by this object.
  int fd() const;

 private:
  TerminalOutput();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pixell::cmd
