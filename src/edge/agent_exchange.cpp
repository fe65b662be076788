#include "edge/agent_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "edge/error_reply.hpp"
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
    // A body over its limit is the client's mistake.
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

AgentExchange::AgentExchange(EdgeLoop& edge, net::ServerStream& stream, Decision decision,
                             AgentTicket ticket)
    : ProxyExchange(edge.loop, edge.client, stream),
      edge_(edge),
      routes_(edge.routes),
      decision_(std::move(decision)),
      ticket_(std::move(ticket)),
      request_(stream.request()),
      cell_(routes_->cell(leg())),
      start_(edge.loop.now()),
      request_id_(edge.forwarder.request_id(request_, edge.loop.clock())),
      limits_(limits_of(route().routing.limits, request_, decision_.target(request_))) {
  cell_.begin();
  limit(limits_);
  if (route().routing.mirror.revision != 0) start_mirror();
  const std::size_t targets = leg().targets.size();
  forward(routes_->upstream(leg(), targets == 1 ? 0 : edge.dice.next() % targets, edge.client),
          decision_.is_grpc ? net::Protocol::Http2 : net::Protocol::Http1);
}

AgentExchange::~AgentExchange() { leave(); }

void AgentExchange::prepare(net::OutgoingHead& head) {
  edge_.added.clear();
  edge_.forwarder.fill(request_, front()->peer(), request_id_, edge_.added);
  head.added = &edge_.added;
  head.target = decision_.target(request_);
}

void AgentExchange::start_mirror() {
  const model::Mirror& mirror = route().routing.mirror;
  const auto target = std::ranges::find(route().legs, mirror.revision, &Leg::revision);
  if (target == route().legs.end() || target->targets.empty() || &*target == &leg() ||
      !Mirrors::picks(mirror, request_, edge_.dice.next()))
    return;
  net::RequestHead head = request_;
  head.target = decision_.target(request_);
  net::remove_hop_by_hop(head.headers);
  net::Headers added;
  edge_.forwarder.fill(request_, front()->peer(), request_id_, added);
  for (std::size_t i = 0; i < added.size(); ++i)
    if (added[i].value.empty())
      head.headers.remove(added[i].name);
    else
      head.headers.set(added[i].name, added[i].value);
  mirror_ = edge_.mirrors.begin(
      {.app_id = route().app_id,
       .original_revision = leg().revision,
       .target = target->targets[edge_.dice.next() % target->targets.size()],
       .protocol = decision_.is_grpc ? net::Protocol::Http2 : net::Protocol::Http1,
       .head = std::move(head),
       .max_body_bytes = mirror.max_body_bytes,
       .tally = routes_->app(route()).mirror,
       .request_id = request_id_,
       .started = start_});
  if (mirror_ != nullptr) tap(*mirror_);
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
  ErrorReply reply;
  switch (reason) {
    case net::AbortReason::Timeout:
      reply = timeout_reply();
      break;
    case net::AbortReason::TooLarge:
      // A head over net's limits is the agent's, a body over the app's is the client's.
      if (outcome().is_over_limit) {
        reply = too_large_reply(route().app_id, limits_.request_bytes);
        break;
      }
      [[fallthrough]];
    default: {
      const bool is_away = reason == net::AbortReason::Refused;
      reply = {.status = is_away ? 503 : 502,
               .code = ErrorCode::Unavailable,
               .detail = fmt::format("agent '{}' {}", route().app_id,
                                     is_away ? "is not reachable; try again"
                                             : "closed the connection before it answered")};
      if (is_away) reply.more.add("retry-after", kRetryAfterSeconds);
    }
  }
  mark(reply.more);
  send_error(stream, reply);
}

ErrorReply AgentExchange::timeout_reply() const {
  const net::TimeLimits& time = limits_.time;
  const Instant::duration waited = edge_.loop.now() - start_;
  ErrorReply reply{.status = 504, .code = ErrorCode::DeadlineExceeded, .detail = {}};
  if (time.total.count() > 0 && waited >= time.total)
    reply.detail = fmt::format("agent '{}' did not end the call within its grpc-timeout of {} ms",
                               route().app_id, time.total.count());
  else if (time.reply.count() > 0 && waited >= time.reply)
    reply.detail = fmt::format("agent '{}' did not answer within {} ms (limits.timeouts)",
                               route().app_id, time.reply.count());
  else if (time.idle.count() > 0)
    reply.detail = fmt::format(
        "agent '{}': nothing was sent either way for {} ms "
        "(limits.timeouts.idle_ms)",
        route().app_id, time.idle.count());
  else
    reply.detail = fmt::format("agent '{}' did not answer in time", route().app_id);
  return reply;
}

void AgentExchange::on_done(const net::ProxyOutcome& outcome) {
  const Instant::duration took = edge_.loop.now() - start_;
  count_end(cell_, decision_.surface, outcome, took);
  if (mirror_ != nullptr)
    mirror_->original_over(
        !outcome.client_gone && !outcome.upstream_failed && !outcome.is_over_limit,
        outcome.grpc_status);
  edge_.log.info("request", {{"agentAppId", route().app_id},
                             {"revision", leg().revision},
                             {"method", request_.method},
                             {"path", request_.path()},
                             {"status", outcome.status},
                             {"ms", std::chrono::duration<double, std::milli>(took).count()},
                             {"bytes_in", outcome.bytes_in},
                             {"bytes_out", outcome.bytes_out},
                             {"end", outcome.client_gone ? "client_gone"
                                     : outcome.upstream_failed || outcome.is_over_limit
                                         ? net::to_string(outcome.reason)
                                         : std::string_view("complete")},
                             {"request_id", request_id_}});
}

}  // namespace pixell::edge
