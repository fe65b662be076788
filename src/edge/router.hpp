#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "edge/route_table.hpp"
#include "net/message.hpp"

namespace pixell::edge {

/// Where a request goes. Pure: the same head, table and dice give the same decision.
struct Decision {
  enum class To {
    Agent,         ///< `target` of `route`, with `path` as the upstream shall see it
    Api,           ///< the control plane
    Directory,     ///< GET /agents, answered here
    UnknownAgent,  ///< 404
    UnknownTag,    ///< 404: the app is there, the tag is not
    NoTarget,      ///< 503: the app has no ready instance now
    Hidden,        ///< 404: paths that are for this machine only
  };
  To to = To::Api;
  const AgentRoute* route = nullptr;
  const Leg* leg = nullptr;
  std::string target;     ///< path and query for the upstream: the id segment is the full id
  std::string_view id{};  ///< the id as asked for, for messages
};

/// Decides by path (`/agents/{id}[@{tag}]/…`), or for gRPC by the metadata `x-agent-id`. `dice` is
/// a random number that picks the leg by weight.
Decision decide(const RouteTable& table, const net::RequestHead& head, std::uint32_t dice);

}  // namespace pixell::edge
