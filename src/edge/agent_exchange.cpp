#include "edge/agent_exchange.hpp"

#include <fmt/format.h>

#include "base/ids.hpp"
#include "edge/forwarded.hpp"
#include "edge/leg_marks.hpp"
#include "edge/limits.hpp"
#include "net/grpc.hpp"
#include "net/reply.hpp"

namespace pixell::edge {

namespace {

// The status with which a call failed because of the agent, not of what it was asked.
bool is_grpc_failure(int status) {
  switch (static_cast<ErrorCode>(status)) {
    case ErrorCode::Unknown:
    case ErrorCode::DeadlineExceeded:
    case ErrorCode::Internal:
    case ErrorCode::Unavailable:
    case ErrorCode::DataLoss:
      return true;
    default:
      return false;
  }
}

// Counts an exchange that is over; what its reply's head told is counted already.
void count_end(TrafficCell& cell, Surface surface, const net::ProxyOutcome& outcome,
               Instant::duration took) {
  if (!outcome.has_replied) {
    if (outcome.upstream_failed)
      cell.replied(
          {.surface = surface, .status = outcome.status, .latency = took, .is_error = true});
    else
      cell.left(surface);
  } else if (outcome.status < 500 &&
             (outcome.upstream_failed || is_grpc_failure(outcome.grpc_status))) {
    cell.failed(surface);
  }
  cell.moved(surface, static_cast<std::int64_t>(outcome.bytes_in),
             static_cast<std::int64_t>(outcome.bytes_out));
  cell.end();
}

}  // namespace

AgentExchange::AgentExchange(EdgeLoop& edge, net::ServerStream& stream, Decision decision)
    : ProxyExchange(edge.loop, edge.client, stream),
      edge_(edge),
      routes_(edge.routes),
      decision_(std::move(decision)),
      request_(stream.request()),
      cell_(routes_->cell(leg())),
      start_(edge.loop.now()) {
  if (const auto given = request_.headers.get(kRequestId))
    request_id_ = *given;
  else
    request_id_ = new_ulid(edge.loop.clock().unix_now());
  cell_.begin();
  const std::size_t targets = leg().targets.size();
  forward(routes_->upstream(leg(), targets == 1 ? 0 : edge.dice.next() % targets, edge.client),
          decision_.is_grpc ? net::Protocol::Http2 : net::Protocol::Http1);
}

AgentExchange::~AgentExchange() { leave(); }

void AgentExchange::prepare(net::OutgoingHead& head) {
  edge_.added.clear();
  add_forwarded(edge_.added, *front(), request_id_);
  head.added = &edge_.added;
  head.target = decision_.target(request_);
}

void AgentExchange::mark(net::Headers& headers) const { mark_reply(headers, decision_); }

void AgentExchange::on_reply_head(net::ResponseHead& head) {
  cell_.replied({.surface = decision_.surface,
                 .status = head.status,
                 .latency = edge_.loop.now() - start_,
                 .is_error = head.status >= 500});
  mark(head.headers);
}

void AgentExchange::answer_failure(net::ServerStream& stream, net::AbortReason reason, bool) {
  const bool is_timeout = reason == net::AbortReason::Timeout;
  const bool is_away = reason == net::AbortReason::Refused;
  const std::string detail = fmt::format("agent '{}' {}", route().app_id,
                                         is_away      ? "is not reachable; try again"
                                         : is_timeout ? "did not answer in time"
                                                      : "closed the connection before it answered");
  net::Headers more;
  if (is_away) more.add("retry-after", kRetryAfterSeconds);
  mark(more);
  if (stream.request().is_grpc()) {
    net::send_grpc_status(stream, is_timeout ? ErrorCode::DeadlineExceeded : ErrorCode::Unavailable,
                          detail, more);
    return;
  }
  net::send_problem(stream, is_away ? 503 : is_timeout ? 504 : 502, detail, more);
}

void AgentExchange::on_done(const net::ProxyOutcome& outcome) {
  const Instant::duration took = edge_.loop.now() - start_;
  count_end(cell_, decision_.surface, outcome, took);
  edge_.log.info("request", {{"agentAppId", route().app_id},
                             {"revision", leg().revision},
                             {"method", request_.method},
                             {"path", request_.path()},
                             {"status", outcome.status},
                             {"ms", std::chrono::duration<double, std::milli>(took).count()},
                             {"bytes_in", outcome.bytes_in},
                             {"bytes_out", outcome.bytes_out},
                             {"end", outcome.client_gone       ? "client_gone"
                                     : outcome.upstream_failed ? net::to_string(outcome.reason)
                                                               : std::string_view("complete")},
                             {"request_id", request_id_}});
}

}  // namespace pixell::edge
