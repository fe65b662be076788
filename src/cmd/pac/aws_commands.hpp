#pragma once

#include <CLI/CLI.hpp>

namespace pixell::cmd {

/// `pac aws`: what Pixell needs in an account, and what it has left there.
void add_aws_commands(CLI::App& app, int& exit_code);

}  // namespace pixell::cmd
