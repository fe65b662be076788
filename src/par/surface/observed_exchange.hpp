#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "net/stream.hpp"

namespace pixell::par {

/// One request on its way through par: stands between the connection and whoever answers, adds the
/// CORS fields to the answer and writes the request's log line when it is over.
class ObservedExchange final : public net::ServerStream, public net::StreamHandler {
 public:
  ObservedExchange(net::ServerStream& stream, const Clock& clock, const Log& log);

  /// Takes the one that answers. To be called before the loop goes on.
  void handle_with(std::unique_ptr<net::StreamHandler> handler) { handler_ = std::move(handler); }

  // ServerStream, for the one that answers.
  const net::RequestHead& request() const override { return stream_.request(); }
  const net::PeerInfo& peer() const override { return stream_.peer(); }
  void send_informational(const net::ResponseHead& head) override;
  void send_head(const net::ResponseHead& head, bool ends) override;
  bool head_sent() const override { return stream_.head_sent(); }
  bool send_data(std::string_view bytes) override { return stream_.send_data(bytes); }
  void finish(const net::Headers& trailers) override;
  void pause() override { stream_.pause(); }
  void resume() override { stream_.resume(); }
  void reset(net::ResetCode code) override;

  // StreamHandler, for the connection.
  void on_data(std::string_view bytes) override { handler_->on_data(bytes); }
  void on_end(const net::Headers& trailers) override { handler_->on_end(trailers); }
  void on_writable() override { handler_->on_writable(); }
  void on_abort(net::AbortReason reason) override;

 private:
  void log_once();

  net::ServerStream& stream_;
  const Clock& clock_;
  const Log& log_;
  Instant start_;
  // Copies: the line may be written when the stream has gone.
  std::string method_;
  std::string path_;
  std::string request_id_;
  std::string grpc_status_;
  int status_ = 0;
  bool is_logged_ = false;
  std::unique_ptr<net::StreamHandler> handler_;
};

}  // namespace pixell::par
