#pragma once

namespace CLI {
class App;
}

namespace pixell::cmd {

/// upgrade, stop: what is asked of a running `pac serve`.
void add_supervision_commands(CLI::App& app, int& exit_code);

}  // namespace pixell::cmd
