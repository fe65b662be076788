#include "edge/admit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "edge/agent_path.hpp"
#include "edge/surface.hpp"
#include "net/grpc_timeout.hpp"

namespace pixell::edge {

namespace {

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

bool is_health(const net::RequestHead& request, const Decision& decision) {
  return is_health_check(request, agent_path(path_of(decision.target(request))));
}

// 0 when the head does not tell.
std::int64_t declared_length(const net::RequestHead& request) {
  const std::string_view text = request.headers.get("content-length").value_or("");
  std::int64_t length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  return length;
}

std::int64_t reply_timeout_ms(const model::SurfaceTimeouts& timeouts, Surface surface) {
  switch (surface) {
    case Surface::A2a:
      return timeouts.a2a_ms;
    case Surface::Ui:
      return timeouts.ui_ms;
    default:
      return timeouts.rest_ms;
  }
}

}  // namespace

std::expected<AgentTicket, ErrorReply> admit(EdgeLoop& edge, const net::RequestHead& request,
                                             const Decision& decision) {
  const Instant now = edge.loop.now();
  AgentTicket ticket;
  if (auto slot = edge.overload.enter(now))
    ticket.loop = std::move(*slot);
  else if (!is_health(request, decision))
    return std::unexpected(edge.overload.shed_reply(slot.error()));
  const AgentRoute& route = *decision.route;
  if (AppAdmission* admission = edge.routes->app(route).admission) {
    if (auto slot = admission->enter(now))
      ticket.app = std::move(*slot);
    else if (!is_health(request, decision))
      return std::unexpected(refusal_reply(slot.error(), route.app_id));
  }
  const std::int64_t most = route.routing.limits.max_body_bytes;
  if (most > 0 && declared_length(request) > most)
    return std::unexpected(too_large_reply(route.app_id, most));
  return ticket;
}

net::ProxyLimits limits_of(const model::RoutingLimits& limits, const net::RequestHead& request,
                           std::string_view target) {
  net::ProxyLimits allowed{.request_bytes = limits.max_body_bytes};
  // gRPC is spoken over HTTP/2 only.
  const bool is_grpc = request.protocol == net::Protocol::Http2 && request.is_grpc();
  if (limits.timeouts != model::SurfaceTimeouts()) {
    const Surface surface = surface_of(request, is_grpc, agent_path(path_of(target)));
    allowed.time.reply = Millis(reply_timeout_ms(limits.timeouts, surface));
    allowed.time.idle = Millis(limits.timeouts.idle_ms);
  }
  if (is_grpc)
    if (const auto timeout = request.headers.get("grpc-timeout"))
      if (const auto own = net::parse_grpc_timeout(*timeout))
        allowed.time.total = std::max(*own, Millis(1));
  return allowed;
}

ErrorReply too_large_reply(std::string_view app_id, std::int64_t max_body_bytes) {
  return {.status = 413,
          .code = ErrorCode::ResourceExhausted,
          .detail = fmt::format("agent '{}' takes requests of at most {} bytes "
                                "(limits.max_body_bytes); send less, or raise the limit with PUT "
                                "/v1/apps/{}/routing",
                                app_id, max_body_bytes, app_id)};
}

}  // namespace pixell::edge
