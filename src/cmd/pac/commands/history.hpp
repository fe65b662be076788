#pragma once

#include <cstddef>
#include <string>

#include "cmd/pac/commands/session.hpp"

namespace pixell::cmd {

/// `pac deployments [APP]`: the newest ones first, at most `most`.
Outcome<void> list_deployments(const Session& session, const std::string& app, std::size_t most);

/// `pac events [APP]`
struct EventOptions {
  std::string app;  ///< empty = all
  bool follow = false;
  std::string since;  ///< a duration of arguments.hpp, checked already; empty = from the beginning
};

/// Prints the history, oldest first; following goes on with what happens, without `since` from now.
Outcome<void> print_events(const Session& session, const EventOptions& options);

}  // namespace pixell::cmd
