#pragma once

#include <string>

#include "cmd/pac/commands/session.hpp"

namespace pixell::cmd {

/// `pac status [APP]`: all apps in one table, or everything about one. With `watch` again after
/// each event, in place on a terminal, until the program is ended.
Outcome<void> status(const Session& session, const std::string& app, bool watch);

}  // namespace pixell::cmd
