#pragma once

#include <string_view>

namespace pixell::model {

/// Who asks for /health again and again names itself so (User-Agent); par answers it without a
/// line in its log, a span or a count.
inline constexpr std::string_view kProbeUserAgent = "pixell-probe";

/// On an answer of par's own: its agent cannot serve now, for the reason that is the value. Nothing
/// of the request reached the agent, so another instance may be asked. The edge takes it off.
inline constexpr std::string_view kNotReadyHeader = "x-pixell-not-ready";
/// On an answer of par's own: the agent's process ended while it had the request, which may have
/// done its work already. The edge takes it off.
inline constexpr std::string_view kAgentLostHeader = "x-pixell-agent-lost";

}  // namespace pixell::model
