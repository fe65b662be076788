#pragma once

#include <CLI/CLI.hpp>

namespace pixell::cmd {

/// `pac aws`: what an operator needs for an account, without a running Pixell.
void add_aws_commands(CLI::App& app, int& exit_code);

}  // namespace pixell::cmd
