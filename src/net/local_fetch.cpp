#include "net/local_fetch.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "net/client.hpp"
#include "net/event_loop.hpp"

namespace pixell::net {

namespace {

// One exchange on a loop that runs for it alone.
class Exchange final : public ClientHandler {
 public:
  Exchange(EventLoop& loop, const LocalRequest& request)
      : loop_(loop), request_(request), client_(loop) {}

  Result<LocalReply> run() {
    TRY(const Address address, parse_address("unix:" + request_.socket.string()));
    RequestHead head{.method = request_.method,
                     .target = request_.target,
                     .scheme = "http",
                     .authority = "localhost",
                     .headers = {}};
    if (!request_.content_type.empty()) {
      head.headers.add("content-type", request_.content_type);
      head.headers.add("content-length", std::to_string(request_.body.size()));
    }
    stream_ = &client_.open(address, Protocol::Http1, head, *this);
    const Timer late = loop_.after(request_.timeout, [this] {
      end(ErrorCode::DeadlineExceeded,
          fmt::format("no reply within {} ms", request_.timeout.count()));
    });
    const std::stop_callback on_stop(
        request_.stop, [this] { loop_.post([this] { end(ErrorCode::Cancelled, "stopped"); }); });
    if (!request_.body.empty()) stream_->send_data(request_.body);
    stream_->finish();
    loop_.run();
    if (stream_ != nullptr) stream_->reset(ResetCode::Cancel);
    if (error_) return std::unexpected(std::move(*error_));
    return std::move(reply_);
  }

  void on_head(ResponseHead& head) override { reply_.status = head.status; }

  void on_data(std::string_view bytes) override {
    if (bytes.size() > request_.max_body_bytes - reply_.body.size())
      end(ErrorCode::ResourceExhausted,
          fmt::format("the reply has more than {} bytes", request_.max_body_bytes));
    else
      reply_.body.append(bytes);
  }

  void on_end(const Headers&) override {
    stream_ = nullptr;
    loop_.stop();
  }

  void on_abort(AbortReason reason) override {
    stream_ = nullptr;
    end(ErrorCode::Unavailable, fmt::format("{}: {}", request_.socket.string(), to_string(reason)));
  }

 private:
  // The first reason counts.
  void end(ErrorCode code, std::string message) {
    if (!error_) error_ = Error{.code = code, .message = std::move(message)};
    loop_.stop();
  }

  EventLoop& loop_;
  const LocalRequest& request_;
  HttpClient client_;
  ClientStream* stream_ = nullptr;
  LocalReply reply_;
  std::optional<Error> error_;
};

}  // namespace

Result<LocalReply> fetch_local(const LocalRequest& request) {
  if (request.stop.stop_requested()) return make_error(ErrorCode::Cancelled, "stopped");
  TRY(const auto loop, EventLoop::create());
  return Exchange(*loop, request).run();
}

}  // namespace pixell::net
