#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"
#include "par/surface/agent_view.hpp"

namespace pixell::par {

/// An HTTP answer that is ready to be sent.
struct JsonAnswer {
  int status = 200;
  std::string body;
};

/// /health (`with_timestamp` false when B is set and the request came without it) and B/health.
/// 503 until ready. When B is /agents/{id} the body also has what /agents/{id}/health says. Once
/// ready, a servicer that does not answer only turns its surface false. Pure.
JsonAnswer health_answer(const AgentView& view, bool with_timestamp, UnixMillis now,
                         bool servicer_answers = true);

/// Sends health_answer, after one question to a full servicer when the agent has one.
std::unique_ptr<net::StreamHandler> answer_health(net::EventLoop& loop, net::HttpClient& client,
                                                  const AgentView& view, net::ServerStream& stream,
                                                  bool with_timestamp);

/// /agents/{id}/health: 404 for another id, 503 until ready. Pure.
JsonAnswer agent_health_answer(const AgentView& view, const std::string& id);

/// /ui/health: always 200, `ok` tells. Pure.
JsonAnswer ui_health_answer(const AgentView& view, UnixMillis now);

/// /health on the UI's own port. Pure.
JsonAnswer ui_port_health_answer(const AgentView& view);

/// /a2a/health. Asks a full servicer's Health; `is_lenient` (the path without B) answers 200 with
/// `ok` false where the other is 404 or 503.
std::unique_ptr<net::StreamHandler> answer_a2a_health(net::EventLoop& loop, net::HttpClient& client,
                                                      const AgentView& view,
                                                      net::ServerStream& stream, bool is_lenient);

}  // namespace pixell::par
