#pragma once

namespace CLI {
class App;
}

namespace pixell::cmd {

/// Adds the commands that speak to a running Pixell over HTTP: deploy, apps, status, logs.
void add_user_commands(CLI::App& app, int& exit_code);

}  // namespace pixell::cmd
