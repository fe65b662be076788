#pragma once

#include <string>
#include <vector>

#include "par/config.hpp"

namespace pixell::cmd {

/// What a command line and an environment ask par to do.
struct StartMode {
  enum class Kind { Run, Package, Healthcheck, Completion, Status, Version, Help, Refused };
  Kind kind = Kind::Refused;
  std::string package_path;      ///< Run: a file or directory; empty = by PACKAGE_URL
  bool is_command_line = false;  ///< Run: `par run`, on somebody's own machine
  bool wants_json = false;       ///< Run: JSON log lines on a terminal too
  /// Package, Healthcheck, Completion: what stands behind the command; for Package the command too.
  std::vector<std::string> arguments;
  std::vector<std::string> ignored;  ///< arguments nobody knows
  std::string error;                 ///< Refused: why
};

/// Decides in the order that clients rely on: --version and --help; the commands that run no agent
/// (validate, inspect, pack, routes, healthcheck, completion: they work in a container whose
/// environment names a package); AGENT_PACKAGE_PATH; `par run <package>`; `par status`;
/// PACKAGE_URL; else an error. Unknown arguments are ignored, but named. Pure.
StartMode decide_start(const std::vector<std::string>& arguments, const par::Environment& env);

/// The text of --help.
std::string help_text();

}  // namespace pixell::cmd
