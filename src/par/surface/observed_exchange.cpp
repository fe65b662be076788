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

ObservedExchange::ObservedExchange(net::ServerStream& stream, const Clock& clock, const Log& log)
    : stream_(stream),
      clock_(clock),
      log_(log),
      start_(clock.now()),
      method_(stream.request().method),
      // Without the query: it may carry a token.
      path_(stream.request().path()),
      request_id_(stream.request().headers.get("x-request-id").value_or("")) {}

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
  if (ends) log_once();
}

void ObservedExchange::finish(const net::Headers& trailers) {
  grpc_status_ = trailers.get("grpc-status").value_or("");
  stream_.finish(trailers);
  log_once();
}

void ObservedExchange::reset(net::ResetCode code) {
  stream_.reset(code);
  log_once();
}

void ObservedExchange::on_abort(net::AbortReason reason) {
  if (status_ == 0) status_ = kClientClosed;
  handler_->on_abort(reason);
  log_once();
}

void ObservedExchange::log_once() {
  if (std::exchange(is_logged_, true)) return;
  const std::chrono::duration<double> seconds = clock_.now() - start_;
  std::array<LogField, 6> fields = {LogField{"method", method_},
                                    LogField{"url", path_},
                                    LogField{"status_code", status_},
                                    LogField{"process_time", seconds.count()},
                                    LogField{"", ""},
                                    LogField{"", ""}};
  std::size_t count = 4;
  if (!grpc_status_.empty()) fields[count++] = {"grpc_status", grpc_status_};
  if (!request_id_.empty()) fields[count++] = {"request_id", request_id_};
  log_.line(LogLevel::Info, "Request processed", std::span(fields).first(count));
}

}  // namespace pixell::par
