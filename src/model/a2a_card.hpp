#pragma once

#include <string>
#include <vector>

#include "model/manifest.hpp"

namespace pixell::model {

/// The agent card served at .well-known/agent.json: who the agent is and one skill for each
/// handler. Pure.
std::string agent_card(const Manifest& manifest, const std::vector<std::string>& handlers,
                       const std::vector<std::string>& streaming_handlers);

}  // namespace pixell::model
