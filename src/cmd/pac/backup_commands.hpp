#pragma once

namespace CLI {
class App;
}

namespace pixell::cmd {

/// Adds the commands that work on a state directory by themselves: backup, restore.
void add_backup_commands(CLI::App& app, int& exit_code);

}  // namespace pixell::cmd
