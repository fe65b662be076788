#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "edge/route_table.hpp"
#include "edge/surface.hpp"
#include "net/message.hpp"

namespace pixell::edge {

/// Where the edge tells why a request would go where it goes.
inline constexpr std::string_view kExplainPath = "/v1/edge/explain";
/// Where the edge tells what it counted, in Prometheus's text format.
inline constexpr std::string_view kMetricsPath = "/v1/edge/metrics";
/// Where an edge whose API is elsewhere tells that it is well; else this path is the API's.
inline constexpr std::string_view kHealthPath = "/healthz";

/// Where a request goes. Pure: the same head, table and dice give the same decision.
struct Decision {
  enum class To {
    Agent,         ///< `target` of `route`, with `path` as the upstream shall see it
    Api,           ///< the control plane
    Directory,     ///< GET /agents, answered here
    Explain,       ///< GET /v1/edge/explain, answered here to this machine
    Metrics,       ///< GET /v1/edge/metrics, answered here to this machine
    UnknownAgent,  ///< 404
    UnknownTag,    ///< 404: the app is there, the tag is not
    NoTarget,      ///< 503: the app has no ready instance now
    Hidden,        ///< 404: paths that are for this machine only
  };
  /// What named the agent.
  enum class Match {
    None,
    Path,      ///< /agents/{id}
    Metadata,  ///< x-agent-id or x-deployment-id of a gRPC call
    Host,      ///< the host is the agent's
  };
  /// What picked the leg among those of the route.
  enum class Pick {
    None,
    Tag,        ///< the request named it
    Dice,       ///< by weight, anew for each request
    Header,     ///< the hash of the sticky header's value
    Cookie,     ///< the hash of the sticky cookie's value
    NewCookie,  ///< the hash of `token`, which the client is given as its cookie
    Alone,      ///< the legacy service, which has all requests of an app without revisions
  };
  To to = To::Api;
  Match match = Match::None;
  Pick pick = Pick::None;
  const AgentRoute* route = nullptr;
  const Leg* leg = nullptr;  ///< may have no targets with NoTarget
  bool is_grpc = false;
  Surface surface = Surface::Rest;  ///< when an agent was named
  /// Path and query for the upstream when they are others than the client sent, else empty.
  std::string rewritten{};
  std::string_view id{};   ///< the id as asked for, for messages
  std::string_view tag{};  ///< the tag as asked for
  std::uint64_t hash = 0;  ///< of the sticky value; see sticky_hash()
  std::string token{};     ///< with Pick::NewCookie

  /// Path and query for the upstream.
  std::string_view target(const net::RequestHead& head) const {
    return rewritten.empty() ? std::string_view(head.target) : rewritten;
  }
  /// The leg is the service outside of Pixell, not a revision.
  bool is_legacy() const { return leg != nullptr && leg->revision == kLegacyRevision; }
};

/// Decides by host, when it is an agent's: then every path is its own. Else by path
/// (`/agents/{id}[@{tag}]/…`), or for gRPC by the metadata `x-agent-id`, else `x-deployment-id`.
/// `dice` is a random number: it picks the leg by weight, or becomes the token of a sticky client.
/// The agent gets paths below /agents/{full id}, gRPC calls as they are, and a legacy service gets
/// its prefix in place of that; nothing is allocated for a path that has the full id.
Decision decide(const RouteTable& table, const net::RequestHead& head, std::uint64_t dice);

}  // namespace pixell::edge
