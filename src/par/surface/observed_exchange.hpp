#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "net/stream.hpp"
#include "par/observe/access_log.hpp"
#include "par/observe/observer.hpp"
#include "par/surface/open_exchanges.hpp"

namespace pixell::par {

/// One request on its way through par: stands between the connection and whoever answers, gives it
/// its place in a trace, adds the CORS fields to the answer, and when it is over counts it and
/// writes its log line.
class ObservedExchange final : public net::ServerStream, public net::StreamHandler {
 public:
  ObservedExchange(net::ServerStream& stream, const Clock& clock, Observer& observer,
                   OpenExchanges& all, AccessLog& access_log);
  /// One that was never over counts as over now.
  ~ObservedExchange() override;

  /// Takes the one that answers. To be called before the loop goes on.
  void handle_with(std::unique_ptr<net::StreamHandler> handler) { handler_ = std::move(handler); }
  /// Who answers, as soon as that is known.
  void set_surface(Surface surface) { surface_ = surface; }
  const TraceContext& trace() const { return trace_; }

  /// Ends what has an end besides its last byte: a gRPC call with UNAVAILABLE, an event stream as
  /// if it were complete. Everything else goes on.
  void end_in_order();

  // ServerStream, for the one that answers.
  const net::RequestHead& request() const override { return stream_.request(); }
  const net::PeerInfo& peer() const override { return stream_.peer(); }
  void send_informational(const net::ResponseHead& head) override;
  void send_head(const net::ResponseHead& head, bool ends) override;
  bool head_sent() const override { return stream_.head_sent(); }
  bool send_data(std::string_view bytes) override { return has_ended_ || stream_.send_data(bytes); }
  ssize_t send_file(int file, std::int64_t offset, std::size_t length) override {
    return has_ended_ ? static_cast<ssize_t>(length) : stream_.send_file(file, offset, length);
  }
  void finish(const net::Headers& trailers) override;
  void pause() override {
    if (!has_ended_) stream_.pause();
  }
  void resume() override {
    if (!has_ended_) stream_.resume();
  }
  void reset(net::ResetCode code) override;

  // StreamHandler, for the connection.
  void on_data(std::string_view bytes) override {
    if (!has_ended_) handler_->on_data(bytes);
  }
  void on_end(const net::Headers& trailers) override {
    if (!has_ended_) handler_->on_end(trailers);
  }
  void on_writable() override {
    if (!has_ended_) handler_->on_writable();
  }
  void on_abort(net::AbortReason reason) override;

 private:
  friend class OpenExchanges;
  bool end_answer();
  void join();
  void leave();
  void over();

  net::ServerStream& stream_;
  const Clock& clock_;
  Observer& observer_;
  OpenExchanges& all_;
  ObservedExchange* next_ = nullptr;
  ObservedExchange** from_ = nullptr;  // what points at us in the list; null when we are not in it
  AccessLog& access_log_;
  Instant start_;
  UnixMillis began_;
  // Copies: the line may be written when the stream has gone.
  std::string method_;
  std::string path_;
  std::string grpc_status_;
  TraceContext trace_;
  Surface surface_ = Surface::Builtin;
  int status_ = 0;
  bool is_event_stream_ = false;
  bool is_over_ = false;
  bool has_ended_ = false;  // by end_in_order(): the one that answers is not listened to
  std::unique_ptr<net::StreamHandler> handler_;
};

}  // namespace pixell::par
