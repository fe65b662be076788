#pragma once

#include <filesystem>

#include "cmd/pac/commands/session.hpp"

namespace pixell::cmd {

/// `pac doctor`: shows every check with what to do; Failed when one failed.
Outcome<void> doctor(const Session& session, const std::filesystem::path& state_dir);

}  // namespace pixell::cmd
