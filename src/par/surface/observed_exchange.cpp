#include "par/surface/observed_exchange.hpp"

#include <array>
#include <chrono>
#include <span>
#include <utility>

#include "par/surface/cors.hpp"

namespace pixell::par {

namespace {

// What nginx logs for a client that went away before it was answered.
constexpr int kClientClosed = 499;

}  // namespace

ObservedExchange::ObservedExchange(net::ServerStream& stream, const Clock& clock,
                                   Observer& observer, const Log& log)
    : stream_(stream),
      clock_(clock),
      observer_(observer),
      log_(log),
      start_(clock.now()),
      began_(clock.unix_now()),
      method_(stream.request().method),
      // Without the query: it may carry a token.
      path_(stream.request().path()),
      trace_(observer.trace_of(stream.request().headers)) {
  observer_.metrics().request_began();
}

ObservedExchange::~ObservedExchange() { over(); }

void ObservedExchange::send_informational(const net::ResponseHead& head) {
  stream_.send_informational(head);
}

void ObservedExchange::send_head(const net::ResponseHead& head, bool ends) {
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
  grpc_status_ = trailers.get("grpc-status").value_or("");
  stream_.finish(trailers);
  over();
}

void ObservedExchange::reset(net::ResetCode code) {
  stream_.reset(code);
  over();
}

void ObservedExchange::on_abort(net::AbortReason reason) {
  if (status_ == 0) status_ = kClientClosed;
  handler_->on_abort(reason);
  over();
}

void ObservedExchange::over() {
  if (std::exchange(is_over_, true)) return;
  const Instant::duration took = clock_.now() - start_;
  observer_.request_ended({.trace = trace_,
                           .end = {.surface = surface_,
                                   .method = method_,
                                   .status = status_,
                                   .grpc_status = grpc_status_,
                                   .took = took},
                           .path = path_,
                           .began = began_});
  const std::chrono::duration<double> seconds = took;
  std::array<LogField, 8> fields = {LogField{"method", method_},
                                    LogField{"url", path_},
                                    LogField{"status_code", status_},
                                    LogField{"process_time", seconds.count()},
                                    LogField{"trace_id", text_of(trace_.trace_id)},
                                    LogField{"span_id", text_of(trace_.span_id)},
                                    LogField{"request_id", trace_.request_id},
                                    LogField{"", ""}};
  std::size_t count = 7;
  if (!grpc_status_.empty()) fields[count++] = {"grpc_status", grpc_status_};
  log_.line(LogLevel::Info, "Request processed", std::span(fields).first(count));
}

}  // namespace pixell::par
