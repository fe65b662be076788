#pragma once

#include <string>
#include <vector>

namespace pixell::cmd {

/// What a command of par-package printed and how it ended.
struct CommandResult {
  int exit_code = 0;  ///< 0 fine; 1 the package has errors; 2 it could not be looked at
  std::string out;
  std::string err;
};

/// Runs `validate|inspect|pack|routes <package> …`, arguments as of `par` (docs/par_cli.md).
/// Arguments nobody knows are ignored, but named in `err`. Unpacks below TMPDIR and cleans up.
CommandResult run_package_command(const std::vector<std::string>& arguments);

}  // namespace pixell::cmd
