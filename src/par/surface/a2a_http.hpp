#pragma once

#include <memory>

#include "net/event_loop.hpp"
#include "net/stream.hpp"
#include "par/observe/trace_context.hpp"
#include "par/surface/a2a_events.hpp"
#include "par/surface/agent_view.hpp"
#include "par/surface/route_match.hpp"

namespace pixell::par {

/// What calls over HTTP need; everything outlives them.
struct A2aContext {
  net::EventLoop& loop;
  const AgentView& view;
  EventStreams& event_streams;
  TraceContext trace;  ///< of the request
};

/// True for the routes that answer_a2a_http() answers.
bool is_a2a_http(Route route);

/// Answers A2A over HTTP for an agent that is up: the agent card, JSON-RPC with a JSON answer or an
/// event stream, and the manifest's entrypoint. Errors of a call are JSON-RPC errors with status
/// 200; a body over kMaxA2aBodyBytes is 413, an agent that died during the call 502.
std::unique_ptr<net::StreamHandler> answer_a2a_http(const A2aContext& context,
                                                    net::ServerStream& stream, Route route);

}  // namespace pixell::par
