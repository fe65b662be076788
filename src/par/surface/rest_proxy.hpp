#pragma once

#include <memory>
#include <string>

#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"

namespace pixell::par {

class Agent;
class UiFiles;
struct TraceContext;

/// One request for the agent's own HTTP application.
struct AgentRequest {
  bool is_for_own_server = false;       ///< else for the REST application
  std::string target;                   ///< path and query as the application shall see them
  UiFiles* page_on_404 = nullptr;       ///< when set, index.html answers instead of the agent's 404
  const TraceContext* trace = nullptr;  ///< when set, passed on (traceparent, X-Request-Id)
};

/// Passes a request on to the least busy worker of an agent that is up: the client's fields are
/// kept, X-Forwarded-* as given, bodies and WebSockets streamed. An agent that does not answer is a
/// typed 502 (or 503 when it cannot be reached), never silence.
std::unique_ptr<net::StreamHandler> proxy_to_agent(net::EventLoop& loop, net::HttpClient& client,
                                                   net::ServerStream& stream, Agent& agent,
                                                   AgentRequest request);

/// Passes a whole gRPC call on to the full servicer of the least busy worker; `path` is
/// /service/method. The trace goes with it.
std::unique_ptr<net::StreamHandler> proxy_to_servicer(net::EventLoop& loop, net::HttpClient& client,
                                                      net::ServerStream& stream, Agent& agent,
                                                      std::string path, const TraceContext& trace);

}  // namespace pixell::par
