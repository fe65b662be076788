#include "par/worker/grpc_probe.hpp"

#include <fmt/format.h>

#include <utility>

#include "net/grpc.hpp"

namespace pixell::par {

GrpcProbe::~GrpcProbe() {
  if (stream_ != nullptr) stream_->reset(net::ResetCode::Cancel);
}

void GrpcProbe::ask(const net::Address& address, Millis timeout, OnAnswer on_answer) {
  // A question about a worker that has died meanwhile is dropped.
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->reset(net::ResetCode::Cancel);
  on_answer_ = std::move(on_answer);
  head_status_.clear();
  net::RequestHead head{.method = "POST",
                        .target = "/pixell.agent.AgentService/Health",
                        .scheme = "http",
                        .authority = "localhost",
                        .headers = {},
                        .protocol = net::Protocol::Http2};
  head.headers.add("content-type", "application/grpc");
  head.headers.add("te", "trailers");
  stream_ = &client_.open(address, net::Protocol::Http2, head, *this);
  timeout_ = loop_.after(timeout, [this, timeout] {
    if (stream_ != nullptr) std::exchange(stream_, nullptr)->reset(net::ResetCode::Cancel);
    answer(make_error(ErrorCode::DeadlineExceeded,
                      fmt::format("no answer within {} ms", timeout.count())));
  });
  stream_->send_data(net::grpc_frame({}));  // Empty
  stream_->finish();
}

void GrpcProbe::on_head(net::ResponseHead& head) {
  head_status_ = head.headers.get("grpc-status").value_or("");
}

void GrpcProbe::on_end(const net::Headers& trailers) {
  stream_ = nullptr;
  const std::string status(trailers.get("grpc-status").value_or(head_status_));
  if (status == "0") return answer({});
  const std::string message(trailers.get("grpc-message").value_or(""));
  answer(make_error(ErrorCode::Unavailable,
                    fmt::format("Health ended with gRPC status {}: {}",
                                status.empty() ? "missing" : status, message)));
}

void GrpcProbe::on_abort(net::AbortReason reason) {
  stream_ = nullptr;
  answer(make_error(ErrorCode::Unavailable,
                    fmt::format("the servicer did not answer: {}", net::to_string(reason))));
}

void GrpcProbe::answer(Result<void> result) {
  timeout_.cancel();
  if (const OnAnswer on_answer = std::exchange(on_answer_, nullptr)) on_answer(std::move(result));
}

}  // namespace pixell::par
