#include "edge/agent_path.hpp"

namespace pixell::edge {

std::string_view agent_path(std::string_view path) {
  constexpr std::string_view kAgents = "/agents/";
  if (!path.starts_with(kAgents)) return path;
  const auto end = path.find('/', kAgents.size());
  return end == std::string_view::npos ? std::string_view() : path.substr(end);
}

bool is_health_check(const net::RequestHead& head, std::string_view path) {
  if (path.ends_with("/grpc.health.v1.Health/Check") ||
      path.ends_with("/grpc.health.v1.Health/Watch"))
    return head.is_grpc();
  return (path == "/health" || path == "/a2a/health" || path == "/ui/health") &&
         (head.method == "GET" || head.method == "HEAD");
}

}  // namespace pixell::edge
