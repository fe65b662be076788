#pragma once

#include <string_view>

#include "net/message.hpp"

namespace pixell::edge {

/// What stands behind /agents/{id} in a path without query: "/agents/hello/api/x" → "/api/x", ""
/// when nothing does. Other paths are returned as they are.
std::string_view agent_path(std::string_view path);

/// True for what asks how an agent is: the health endpoints of docs/par_surfaces.md and gRPC's
/// health service. `path` as agent_path() gives it. No limit refuses these.
bool is_health_check(const net::RequestHead& head, std::string_view path);

}  // namespace pixell::edge
