#pragma once

#include <functional>

#include "cmd/pac/control.hpp"
#include "cmd/pac/edge.hpp"
#include "cmd/pac/serve.hpp"

namespace pixell::cmd {

/// What the commands that run a role for its whole life call; each returns the exit code.
struct RoleRunners {
  std::function<int(const ServeOptions&)> serve;
  std::function<int(const ControlOptions&)> control;
  std::function<int(const EdgeOptions&)> edge;
  std::function<int(const RoleOptions&)> node;
};

/// The program `pac`: parses its arguments, runs the command and returns the exit code (see
/// `pac --help`). Wrong usage is told on standard error.
int run_command_line(int argc, const char* const* argv, const RoleRunners& runners);

}  // namespace pixell::cmd
