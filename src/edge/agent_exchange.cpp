#include "edge/agent_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "edge/error_reply.hpp"
#include "edge/leg_marks.hpp"
#include "edge/limits.hpp"
#include "edge/refusal.hpp"
#include "model/health.hpp"
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

// The trace id of a traceparent (W3C Trace Context 3.2), whose parts have fixed places; empty when
// there is none.
std::string_view trace_id_of(const net::Headers& headers) {
  constexpr std::size_t kVersion = 3, kTraceId = 32, kLeast = 55;
  const std::string_view parent = headers.get("traceparent").value_or("");
  if (parent.size() < kLeast || parent[kVersion - 1] != '-' || parent[kVersion + kTraceId] != '-')
    return {};
  return parent.substr(kVersion, kTraceId);
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

// Whether a reply may be one that par made because its agent could not answer.
bool may_be_of_par(const net::ResponseHead& head, const Decision& decision) {
  return head.status == 503 || head.status == 502 || decision.is_grpc;
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
      start_(edge.loop.now()),
      request_id_(edge.forwarder.request_id(request_, edge.loop.clock())),
      limits_(limits_of(route().routing.limits, request_, decision_.target(request_))) {
  limit(limits_);
  const bool has_target = decision_.to == Decision::To::Agent;
  if (has_target && route().routing.mirror.revision != 0) start_mirror();
  if (!has_target || !try_target()) wait();
}

AgentExchange::~AgentExchange() { leave(); }

std::string AgentExchange::parking_key(const Decision& decision) {
  std::string key = decision.route->app_id;
  if (!decision.tag.empty()) key.append("@").append(decision.tag);
  return key;
}

// False when there is no target that is worth a try now.
bool AgentExchange::try_target() {
  if (tried_.is_full()) return false;
  const Instant now = edge_.loop.now();
  const Pick pick = pick_target(routes_->targets(leg()),
                                {.now = now, .dice = edge_.dice.next(), .tried = tried_});
  if (pick.target == nullptr) return false;
  tried_.add(pick.target);
  claim_ = TargetClaim(*pick.target, now);
  sent_to_ = leg().targets[pick.index].text;
  count_for(leg());
  forward(routes_->upstream(leg(), pick.index, edge_.client),
          decision_.is_grpc ? net::Protocol::Http2 : net::Protocol::Http1);
  return true;
}

// A request counts for the leg it was sent to last.
void AgentExchange::count_for(const Leg& leg) {
  TrafficCell* cell = &routes_->cell(leg);
  if (cell == cell_) return;
  if (cell_ != nullptr) cell_->end();
  cell_ = cell;
  cell_->begin();
}

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

bool AgentExchange::may_wait() const {
  const Instant arrived = waits_since_ == Instant() ? edge_.loop.now() : waits_since_;
  return !edge_.parking.refuses(parking_key(decision_), arrived);
}

bool AgentExchange::accepts_reply(const net::ResponseHead& head) {
  if (!may_be_of_par(head, decision_)) return true;
  if (head.headers.has(model::kNotReadyHeader)) {
    was_declined_ = may_wait();
  } else if (head.headers.has(model::kAgentLostHeader) && net::is_idempotent(request_.method)) {
    was_declined_ = ++lost_tries_ < kMaxLostTries && may_wait();
  }
  if (was_declined_) target_failed(TargetFailure::NotReady);
  return !was_declined_;
}

void AgentExchange::on_reply_head(net::ResponseHead& head) {
  to_head_ = edge_.loop.now() - start_;
  cell_->replied({.surface = decision_.surface,
                  .status = head.status,
                  .latency = to_head_,
                  .is_error = head.status >= 500});
  mark(head.headers);
  if (may_be_of_par(head, decision_)) {
    const bool is_not_ready = head.headers.has(model::kNotReadyHeader);
    head.headers.remove(model::kNotReadyHeader);
    head.headers.remove(model::kAgentLostHeader);
    if (is_not_ready) return target_failed(TargetFailure::NotReady);
  }
  claim_.target()->succeeded();
  if (edge_.parking.is_any_down())
    edge_.parking.served(parking_key(decision_), waits_since_ != Instant());
}

void AgentExchange::target_failed(TargetFailure failure) {
  const bool is_out = claim_.target()->failed(failure, edge_.loop.now());
  if (is_out) ++routes_->counters(route()).ejections;
}

// Tells the target that its try failed, and ends the try.
void AgentExchange::blame(net::AbortReason reason, bool sent) {
  if (!claim_) return;
  switch (reason) {
    case net::AbortReason::Refused:
      target_failed(TargetFailure::Refused);
      break;
    case net::AbortReason::PeerClosed:
    case net::AbortReason::UnusedClosed:
    case net::AbortReason::ProtocolError:
      target_failed(TargetFailure::Closed);
      break;
    case net::AbortReason::Timeout:
      target_failed(sent ? TargetFailure::Slow : TargetFailure::Refused);
      break;
    case net::AbortReason::TooLarge:  // what the agent said, not how it is
    case net::AbortReason::Shutdown:
      break;
  }
  claim_.release();
}

void AgentExchange::on_try_failed(net::AbortReason reason, bool sent) {
  if (!std::exchange(was_declined_, false)) {
    blame(reason, sent);
    if (sent && ++lost_tries_ >= kMaxLostTries) return fail(reason, sent);
  }
  claim_.release();
  if (!try_target()) wait();
}

void AgentExchange::wait() {
  const bool is_first = waits_since_ == Instant();
  if (is_first) waits_since_ = edge_.loop.now();
  auto parked = edge_.parking.park(parking_key(decision_),
                                   {.arrived = waits_since_,
                                    .deadline = edge_.parking.deadline_of(waits_since_),
                                    .on_over = [this](ParkingLot::Over over) { wait_over(over); }});
  if (!parked) return give_up(parked.error());
  parked_ = std::move(*parked);
  // Good until the gauge goes down again.
  waits_at_ = &routes_->counters(route());
  ++waits_at_->waiting;
  if (is_first) ++waits_at_->parked;
}

void AgentExchange::stop_waiting() {
  parked_.leave();
  if (waits_at_ != nullptr) --std::exchange(waits_at_, nullptr)->waiting;
}

void AgentExchange::wait_over(ParkingLot::Over over) {
  if (over == ParkingLot::Over::TimedOut) return give_up(Unserved::TimedOut);
  stop_waiting();
  // The routes may be others by now.
  routes_ = edge_.routes;
  sent_to_ = {};
  decision_ = decide(routes_->table(), request_, edge_.dice.next());
  tried_.clear();
  if (decision_.to == Decision::To::NoTarget) return wait();
  if (decision_.to != Decision::To::Agent) return fail(net::AbortReason::Refused, false);
  if (!try_target()) wait();
}

void AgentExchange::give_up(Unserved why) {
  ++routes_->counters(route()).park_expired;
  stop_waiting();
  // One that was lost on its way is not said to have waited only.
  if (lost_tries_ > 0) return fail(net::AbortReason::PeerClosed, true);
  unserved_ = why;
  fail(net::AbortReason::Refused, false);
}

void AgentExchange::answer_failure(net::ServerStream& stream, net::AbortReason reason, bool) {
  if (decision_.to != Decision::To::Agent && decision_.to != Decision::To::NoTarget)
    return send_error(stream, unknown_reply(decision_));
  if (unserved_) return send_error(stream, unserved_reply(decision_, *unserved_));
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
  count(outcome);  // while it waits, or its cell has not ended: they keep the counters
  stop_waiting();
  if (outcome.upstream_failed && !outcome.has_replied) blame(outcome.reason, true);
  claim_.release();
  const Instant::duration took = edge_.loop.now() - start_;
  if (cell_ != nullptr) count_end(*cell_, decision_.surface, outcome, took);
  if (mirror_ != nullptr)
    mirror_->original_over(
        !outcome.client_gone && !outcome.upstream_failed && !outcome.is_over_limit,
        outcome.grpc_status);
  write_line(outcome, took);
}

void AgentExchange::write_line(const net::ProxyOutcome& outcome, Instant::duration took) {
  const bool is_cut = outcome.upstream_failed || outcome.is_over_limit;
  edge_.access_log.write(
      {.ended_at = edge_.loop.now(),
       .took = took,
       .to_head = to_head_,
       .app_id = decision_.route == nullptr ? decision_.id : std::string_view(route().app_id),
       .revision = decision_.leg == nullptr ? 0 : leg().revision,
       .method = request_.method,
       .path = request_.path(),
       .status = outcome.status,
       .grpc_status = outcome.grpc_status,
       .retries = std::max(outcome.tries - 1, 0),
       .bytes_in = outcome.bytes_in,
       .bytes_out = outcome.bytes_out,
       .end = outcome.client_gone ? "client_gone"
              : is_cut            ? net::to_string(outcome.reason)
                                  : std::string_view("complete"),
       .is_error =
           outcome.status >= 500 || outcome.upstream_failed || is_grpc_failure(outcome.grpc_status),
       .request_id = request_id_,
       .trace_id = trace_id_of(request_.headers),
       .target = sent_to_,
       .surface = decision_.surface,
       .protocol = request_.protocol});
}

void AgentExchange::count(const net::ProxyOutcome& outcome) {
  if (decision_.route == nullptr) return;
  EdgeCounters& counters = routes_->counters(route());
  if (outcome.is_over_limit) ++counters.too_large;
  if (outcome.tries == 0) return;
  counters.retries += outcome.tries - 1;
  ++(outcome.is_reused ? counters.upstream_reused : counters.upstream_opened);
}

}  // namespace pixell::edge
