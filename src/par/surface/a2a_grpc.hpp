#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"
#include "par/surface/agent_view.hpp"

namespace pixell::par {

struct TraceContext;

/// Answers gRPC calls, whatever prefix their path has (balancers cannot rewrite paths):
/// grpc.health.v1.Health/Check and pixell.agent.AgentService by par itself, everything by the
/// agent's full servicer when it has one, which gets `trace` too. Unknown methods are
/// UNIMPLEMENTED.
std::unique_ptr<net::StreamHandler> answer_grpc(net::EventLoop& loop, net::HttpClient& client,
                                                const AgentView& view, net::ServerStream& stream,
                                                const TraceContext& trace);

/// "/service/method" at the end of a path, without whatever precedes it. Pure.
std::string grpc_method_path(std::string_view path);

}  // namespace pixell::par
