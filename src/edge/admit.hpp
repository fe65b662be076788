#pragma once

#include <expected>

#include "edge/admission.hpp"
#include "edge/edge_loop.hpp"
#include "edge/error_reply.hpp"
#include "edge/overload.hpp"
#include "edge/router.hpp"
#include "net/proxy_exchange.hpp"

namespace pixell::edge {

/// What an agent's request that was let in holds until its exchange is over.
struct AgentTicket {
  Overload::Slot loop{};
  AppAdmission::Slot app{};
};

/// Lets a request for an agent in, or says how it is answered: 503 when the loop has too much to
/// do, 429 over a limit of the app, 413 when its body is known to be too long. Health checks are
/// let in all the same.
std::expected<AgentTicket, ErrorReply> admit(EdgeLoop& edge, const net::RequestHead& request,
                                             const Decision& decision);

/// What an exchange of that request may take: the app's limits by surface, and a gRPC call's own
/// deadline. `target` is the path for the upstream.
net::ProxyLimits limits_of(const model::RoutingLimits& limits, const net::RequestHead& request,
                           std::string_view target);

/// 413, or RESOURCE_EXHAUSTED, that names the app, its limit and the remedy.
ErrorReply too_large_reply(std::string_view app_id, std::int64_t max_body_bytes);

}  // namespace pixell::edge
