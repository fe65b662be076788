#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/headers.hpp"
#include "par/surface/agent_view.hpp"
#include "par/surface/health_routes.hpp"

namespace pixell::par {

/// B/meta: what the package is and how long its boot took; 404 before it is loaded. Pure.
JsonAnswer meta_answer(const AgentView& view);

/// B/ for programs: what this is. Pure.
JsonAnswer service_info_answer();

/// ui-config.json: where the agent's API is, for a UI that is mounted anywhere. Pure.
JsonAnswer ui_config_answer(const AgentView& view);

/// Any path that needs the agent while it is not up: 503 with the phase. Pure.
JsonAnswer not_ready_answer(const AgentView& view);
/// Why par is not ready when only the agent's process is away.
inline constexpr std::string_view kAgentUnavailable = "agent_unavailable";
/// What such an answer carries, on every surface: model::kNotReadyHeader and when to ask again.
net::Headers not_ready_marks(std::string_view why);
/// What the answer to a call carries that Agent::execute() did not take: the marks above when no
/// process of the agent is there for it, since another instance may have one.
net::Headers not_taken_marks(const Error& error);

}  // namespace pixell::par
