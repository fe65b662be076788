#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/piece_pool.hpp"
#include "net/event_loop.hpp"
#include "net/http1_parser.hpp"
#include "net/http1_writer.hpp"
#include "net/lazy_deadline.hpp"
#include "net/server_connection.hpp"
#include "net/socket.hpp"
#include "net/stream.hpp"

// Internal to net: the server side of HTTP/1.

namespace pixell::net {

class Http1Connection;

/// A request whose buffers have room already, if a former exchange of this thread left one.
std::unique_ptr<Http1Request> take_spare_request();

/// One request and its reply. Made by its connection; after the end it stays allocated until the
/// end of the loop turn, and calls on it do nothing.
class Http1Exchange final : public ServerStream, public Pooled {
 public:
  Http1Exchange(Http1Connection& connection, const PeerInfo& peer,
                std::unique_ptr<Http1Request> request)
      : connection_(&connection), peer_(peer), request_(std::move(request)) {}
  ~Http1Exchange() override;

  const RequestHead& request() const override { return request_->head; }
  const PeerInfo& peer() const override { return peer_; }
  void send_informational(const ResponseHead& head) override;
  void send_head(const ResponseHead& head, bool ends) override;
  bool head_sent() const override { return is_head_sent_; }
  bool send_data(std::string_view bytes) override;
  ssize_t send_file(int file, std::int64_t offset, std::size_t length) override;
  void finish(const Headers& trailers) override;
  void pause() override { is_paused_ = true; }
  void resume() override;
  void reset(ResetCode code) override;

 private:
  friend class Http1Connection;

  Http1Connection* connection_;            // null once the exchange is over
  const PeerInfo& peer_;                   // of the connection, which outlives this
  std::unique_ptr<Http1Request> request_;  // there to the end
  std::unique_ptr<StreamHandler> handler_;
  BodyDecoder decoder_;
  BodyWriter writer_;
  bool is_paused_ = false;
  bool awaits_continue_ = false;  // the client waits for 100 before it sends the body
  bool holds_end_ = false;        // an upgrade: on_end waits until the reply is known not to be 101
  bool is_request_over_ = false;  // on_end was called
  bool is_head_sent_ = false;
  bool is_reply_over_ = false;
  bool is_blocked_ = false;     // send_data said false, or send_file less than all
  bool awaits_socket_ = false;  // the latter: what waits is in the file, not in the queue
  bool is_cut_ = false;         // before the service returned the handler
  std::size_t drained_ = 0;     // body bytes after the reply was finished
};

//                bad head: error reply
//        ┌───────────────────────────────────────────────────┐
//        │                                                   ▼
//  ──▶ Head ── head ──▶ Body ── all of the body ──▶ Reply   Linger ── peer closed, ──▶ Closed
//        ▲               │ │                         │ ▲     ▲ ▲      or timeout
//        │               │ └─ reply over, rest of ───┼─┼─────┘ │
//        │               │    the body too long      │ │       │
//        │               └──────── 101 ──▶ Tunnel    │ │       │
//        │                                    └──────┼─┼───────┤ both sides over
//        └── reply over, connection stays ───────────┘ └───────┘ reply over, connection closes
//
//  Head    waits for a request head (idle when not one byte came)
//  Body    the head was given to the service; its body is passed on, while the reply may be sent
//  Reply   the request is complete; nothing is read until the reply is finished
//  Tunnel  raw bytes both ways
//  Linger  what is queued is sent, our side is shut, what still comes is thrown away
//  Closed  reached from everywhere: broken socket, reset, timeout, close_now
//
// The socket is read and handlers are called from work() only, which the loop runs when the socket
// is ready or for schedule(); calls on the exchange only queue bytes, send them and set flags. So
// no handler is ever called from inside its own call on a stream.
class Http1Connection final : public ServerConnection, private FdHandler {
 public:
  Http1Connection(ServerConnectionContext context, Socket socket);
  ~Http1Connection() override;

  void start(std::string first_bytes) override;
  void drain(IdleConnections idle) override;
  void close_now() override;

 private:
  friend class Http1Exchange;
  enum class Phase { Head, Body, Reply, Tunnel, Linger, Closed };

  void on_ready(std::uint32_t events) override;

  // Has work() run at the end of this turn, or once more when it runs now.
  void schedule();
  void work();
  bool wants_input() const;
  bool has_shut_while_waiting();
  void read_input();
  bool receive(std::string_view& bytes);
  void consume(std::string_view& bytes);
  void take_head(std::string_view& bytes);
  void take_body(std::string_view& bytes);
  void take_tunnel(std::string_view& bytes);
  void take_eof();
  void settle();

  void begin_exchange();
  void end_request(const Headers& trailers);
  void on_reply_over();
  void end_exchange();
  // The exchange is over: it calls nobody any more and is freed at the end of the turn.
  Http1Exchange& detach_exchange();
  void stop_reading_body();
  void send_continue();

  void refuse(Http1Error error);
  void begin_linger(bool may_have_unread);
  void cut(AbortReason reason);
  void close();
  void on_deadline();
  void on_exchange_deadline();
  void watch_reader();
  bool owes_body() const;
  void watch_body();
  void refuse_body();
  bool is_sending() const;
  bool made_progress();

  ServerConnectionContext context_;
  Socket socket_;
  SocketWriter writer_;
  HeadCollector collector_;
  std::unique_ptr<Http1Exchange> exchange_;
  std::string input_;  // read, but not yet its turn
  Phase phase_ = Phase::Head;
  bool is_readable_ = false;  // the socket may hold bytes
  bool is_eof_near_ = false;  // the peer has shut its side
  bool is_eof_ = false;       // and all it sent was read
  bool is_hung_up_ = false;   // the socket is dead both ways
  bool is_working_ = false;
  bool needs_work_ = false;  // schedule() was called from inside work()
  bool is_draining_ = false;
  bool closes_idle_ = false;  // while draining
  bool keep_alive_ = true;
  bool is_shut_ = false;          // our side was shut in Tunnel or Linger
  bool may_have_unread_ = false;  // Linger: closing at once could cost the peer its reply
  bool resets_on_close_ = false;  // a plain close would look like the proper end of the reply
  std::size_t lingered_ = 0;
  std::uint64_t total_read_ = 0;
  std::uint64_t progress_mark_ = 0;
  std::uint64_t sent_mark_ = 0;  // what was sent when watch_reader() last looked
  std::uint64_t read_mark_ = 0;  // what was read when watch_body() last looked
  bool watches_body_ = false;    // the deadline is watch_body()'s
  Timer work_timer_;
  Timer left_timer_;
  LazyDeadline deadline_;
};

}  // namespace pixell::net
