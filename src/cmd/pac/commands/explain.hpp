#pragma once

#include <string>
#include <vector>

#include "cmd/pac/commands/session.hpp"

namespace pixell::cmd {

/// `pac edge explain URL [-H 'Name: value']…`: where the edge would send a request, and why.
Outcome<void> explain(const Session& session, const std::string& url,
                      const std::vector<std::string>& headers);

}  // namespace pixell::cmd
