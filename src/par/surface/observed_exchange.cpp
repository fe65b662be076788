#include "par/surface/observed_exchange.hpp"

#include <utility>

#include "net/grpc.hpp"
#include "par/surface/cors.hpp"

namespace pixell::par {

namespace {

// What nginx logs for a client that went away before it was answered.
constexpr int kClientClosed = 499;

}  // namespace

ObservedExchange::ObservedExchange(net::ServerStream& stream, const Clock& clock,
                                   Observer& observer, OpenExchanges& all, AccessLog& access_log)
    : stream_(stream),
      clock_(clock),
      observer_(observer),
      all_(all),
      access_log_(access_log),
      start_(clock.now()),
      began_(clock.unix_now()),
      method_(stream.request().method),
      // Without the query: it may carry a token.
      path_(stream.request().path()),
      trace_(observer.trace_of(stream.request().headers)) {
  observer_.metrics().request_began();
  join();
}

ObservedExchange::~ObservedExchange() { over(); }

void ObservedExchange::join() {
  next_ = std::exchange(all_.first_, this);
  from_ = &all_.first_;
  if (next_ != nullptr) next_->from_ = &next_;
}

void ObservedExchange::leave() {
  *from_ = next_;
  if (next_ != nullptr) next_->from_ = from_;
}

void OpenExchanges::end_all() {
  for (ObservedExchange* each = first_; each != nullptr;) {
    ObservedExchange* next = each->next_;
    each->end_in_order();
    each = next;
  }
}

void ObservedExchange::end_in_order() {
  // What the one that answers does about it is not for the client any more.
  if (end_answer()) handler_->on_abort(net::AbortReason::Shutdown);
}

bool ObservedExchange::end_answer() {
  const bool is_grpc = request().is_grpc();
  if (is_over_ || !(is_event_stream_ || is_grpc)) return false;
  constexpr std::string_view kReason = "the agent is being stopped";
  if (is_grpc && !head_sent())
    net::send_grpc_status(*this, ErrorCode::Unavailable, kReason);
  else
    finish(is_grpc ? net::grpc_trailers(ErrorCode::Unavailable, kReason) : net::Headers());
  has_ended_ = true;
  return true;
}

void ObservedExchange::send_informational(const net::ResponseHead& head) {
  if (!has_ended_) stream_.send_informational(head);
}

void ObservedExchange::send_head(const net::ResponseHead& head, bool ends) {
  if (has_ended_) return;
  const auto type = head.headers.get("content-type");
  is_event_stream_ = type && type->starts_with("text/event-stream");
  status_ = head.status;
  if (ends) grpc_status_ = head.headers.get("grpc-status").value_or("");
  if (!request().headers.has("origin")) {
    stream_.send_head(head, ends);
  } else {
    net::ResponseHead with_cors = head;
    add_cors(request(), with_cors);
    stream_.send_head(with_cors, ends);
  }
  if (ends) over();
}

void ObservedExchange::finish(const net::Headers& trailers) {
  if (has_ended_) return;
  grpc_status_ = trailers.get("grpc-status").value_or("");
  stream_.finish(trailers);
  over();
}

void ObservedExchange::reset(net::ResetCode code) {
  if (has_ended_ || (all_.are_ends_expected() && end_answer())) return;
  stream_.reset(code);
  over();
}

void ObservedExchange::on_abort(net::AbortReason reason) {
  if (status_ == 0) status_ = kClientClosed;
  if (!has_ended_) handler_->on_abort(reason);
  over();
}

void ObservedExchange::over() {
  if (std::exchange(is_over_, true)) return;
  leave();
  const Instant now = clock_.now();
  const Instant::duration took = now - start_;
  observer_.request_ended({.trace = trace_,
                           .end = {.surface = surface_,
                                   .method = method_,
                                   .status = status_,
                                   .grpc_status = grpc_status_,
                                   .took = took},
                           .path = path_,
                           .began = began_});
  access_log_.write({.ended_at = now,
                     .method = method_,
                     .path = path_,
                     .status = status_,
                     .took = took,
                     .trace = trace_,
                     .grpc_status = grpc_status_});
}

}  // namespace pixell::par
