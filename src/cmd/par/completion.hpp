#pragma once

#include "cmd/terminal/completion.hpp"

namespace pixell::cmd {

/// par's commands, as a shell completes them.
CommandWords par_words();

}  // namespace pixell::cmd
