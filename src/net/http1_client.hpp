#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/piece_pool.hpp"
#include "base/unique_fd.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/http1_parser.hpp"
#include "net/http1_writer.hpp"
#include "net/stream.hpp"

// Internal to net: the client side of HTTP/1.

namespace pixell::net {

class Http1Client;
class Http1ClientStream;

/// The pool a connection belongs to.
class Http1ClientOwner {
 public:
  virtual ~Http1ClientOwner() = default;
  /// The connection can carry another request. It may be closed from inside this call.
  virtual void connection_idle(Http1Client& connection) = 0;
  /// The connection is over; the owner frees it with EventLoop::delete_later.
  virtual void connection_closed(Http1Client& connection) = 0;
  /// The answer is over, but the caller has not ended its side: it may still use the stream.
  virtual void keep_stream(std::unique_ptr<Http1ClientStream> stream) = 0;
  /// Now it has.
  virtual void release_stream(Http1ClientStream& stream) = 0;
};

/// One request and its answer. It stays allocated until the caller ended its side and the answer
/// is over, or until on_abort or reset(); calls on it after that, in the same turn, do nothing.
class Http1ClientStream final : public ClientStream, public Pooled {
 public:
  Http1ClientStream(Http1Client& connection, Http1ClientOwner& owner, ClientHandler& handler)
      : connection_(&connection), owner_(owner), handler_(&handler) {}

  bool send_data(std::string_view bytes) override;
  void finish(const Headers& trailers) override;
  void pause() override { is_paused_ = true; }
  void resume() override;
  void reset(ResetCode code) override;
  bool request_started() const override;
  bool is_reused() const override { return is_reused_; }

  /// The owner goes.
  void abandon() { is_kept_ = false; }

 private:
  friend class Http1Client;

  Http1Client* connection_;  // null once the answer is over
  Http1ClientOwner& owner_;
  ClientHandler* handler_;  // null once the answer is over
  BodyDecoder decoder_;
  BodyWriter writer_;
  bool is_head_request_ = false;
  bool is_upgrade_ = false;
  bool may_have_no_body_ = false;  // GET and the like
  bool is_head_open_ = false;      // the framing fields and the end of the head are not written yet
  bool is_paused_ = false;
  bool is_blocked_ = false;
  bool is_request_over_ = false;
  bool has_started_ = false;  // of a stream that is over
  bool is_kept_ = false;      // by the owner
  bool is_reused_ = false;    // the connection
  std::uint64_t sent_before_ = 0;
};

//                       open                    head                 end, both sides clean
//  Connecting ── stands ──▶ Head ───────────────▶ Body ─────────────────────▶ Idle ── open ──▶ Head
//     │                      │ 101                 │                            │
//     │                      └──▶ Tunnel           │ otherwise                  │ peer closed,
//     ▼                             │              ▼                            ▼ pool full, idle
//   Closed ◀────────────────────────┴──────────── Closed ◀────────────────── Closed
//
//  Connecting  the request may be queued already; nothing leaves
//  Head        interim answers and the head of the answer are read
//  Body        the body of the answer is read
//  Tunnel      raw bytes both ways
//  Flush       the tunnel is over, what is queued is sent
//  Idle        in the pool; whatever the peer does now ends the connection
//
// As on the server side, handlers are called from work() only.
class Http1Client final : private FdHandler {
 public:
  Http1Client(EventLoop& loop, Http1ClientOwner& owner, std::shared_ptr<Upstream> upstream,
              ClientOptions options);
  ~Http1Client() override;

  /// Starts a request; on a new connection this also starts to connect.
  ClientStream& open(const OutgoingHead& head, ClientHandler& handler);
  /// Closes an idle connection.
  void close_idle() { close(); }
  /// Closes without a word to anybody: the owner goes.
  void abandon();

  Upstream& upstream() { return *upstream_; }
  Instant idle_since() const { return idle_since_; }

 private:
  friend class Http1ClientStream;
  enum class Phase { New, Connecting, Idle, Head, Body, Tunnel, Flush, Closed };

  void on_ready(std::uint32_t events) override;

  void connect();
  void finish_connect();
  // Has work() run at the end of this turn, or once more when it runs now.
  void schedule();
  void on_turn_end();
  void work();
  bool wants_input() const;
  void read_input();
  bool receive(std::string_view& bytes);
  void consume(std::string_view& bytes);
  void take_head(std::string_view& bytes);
  void take_body(std::string_view& bytes);
  void take_eof();
  void settle();

  // Writes the end of a head that waited to see whether a body comes.
  void end_head(Http1ClientStream& stream, BodyFraming framing);
  void on_request_over();
  void end_response(bool has_more_bytes, const Headers& trailers);
  void end_tunnel_input();
  std::unique_ptr<Http1ClientStream> detach_stream();
  void abort(AbortReason reason);
  // From inside a call of the caller, who must not be called back there.
  void abort_later(AbortReason reason);
  void close();

  EventLoop& loop_;
  Http1ClientOwner& owner_;
  std::shared_ptr<Upstream> upstream_;
  ClientOptions options_;
  Socket socket_;
  SocketWriter writer_{loop_, socket_, false};
  HeadCollector collector_;
  Http1Response response_;
  std::unique_ptr<Http1ClientStream> stream_;
  std::string input_;  // read, but the stream is paused
  Phase phase_ = Phase::New;
  bool is_readable_ = false;
  bool is_eof_near_ = false;
  bool is_working_ = false;
  bool needs_work_ = false;
  bool is_reused_ = false;  // carried a request before
  bool has_reply_bytes_ = false;
  bool is_shut_ = false;
  Instant idle_since_{};
  Timer work_timer_;
  Timer connect_retry_;
  Timer abort_timer_;
  Timer deadline_;  // of connecting and of Flush
};

}  // namespace pixell::net
