#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "net/event_loop.hpp"
#include "net/http2_stream.hpp"
#include "net/limits.hpp"
#include "net/socket.hpp"

// Internal to net: what the server's and the client's end of an HTTP/2 connection share.

namespace pixell::net {

/// How long a connection waits; a client's needs `idle` only.
struct Http2Times {
  Millis idle{0};        ///< without streams
  Millis head{0};        ///< for the rest of a head
  Millis send_stall{0};  ///< while the peer takes nothing of what waits for it
  Millis body_stall{0};  ///< while a request's body is silent
};

/// One socket with one nghttp2 session and its streams. Reads what comes, and writes what the
/// streams queued once per loop turn, in as few sends as possible.
///
/// nghttp2 may not be entered from its own callbacks, and handlers send and reset from inside
/// them. So handlers only queue; flush() runs after mem_recv has returned, or as a timer without
/// delay.
class Http2Io : public FdHandler {
 public:
  enum class Role { Server, Client };

  Http2Io(EventLoop& loop, Role role);
  Http2Io(const Http2Io&) = delete;
  Http2Io& operator=(const Http2Io&) = delete;
  ~Http2Io() override;

  void on_ready(std::uint32_t events) override;

  // Called by Http2Stream.
  nghttp2_session* session() { return session_; }
  /// Writes before the loop turn ends, or in the next one.
  void schedule_flush();
  /// Calls submit_waiting_head() at the next flush.
  void queue_head(Http2Stream& stream);
  /// Calls tell_writable() once nghttp2 has returned.
  void note_writable(Http2Stream& stream);
  /// Frees a stream that nghttp2 does not know.
  void forget(Http2Stream& stream);

  /// Body bytes came to wait in a stream (or left, when negative).
  void count_queued(std::ptrdiff_t bytes) { queued_ += static_cast<std::size_t>(bytes); }
  /// So much waits in all streams together that none may add to what it has.
  bool is_crowded() const { return queued_ > kH2ConnectionSendHighWater; }

  EventLoop& loop() { return loop_; }

 protected:
  bool is_closed() const { return is_closed_; }
  std::size_t stream_count() const { return streams_.size(); }
  bool has_waiting_heads() const { return !heads_.empty(); }
  int fd() const { return socket_.fd(); }

  /// Registers the socket; `is_local` says that it is a Unix socket. False when the loop refuses
  /// it; the caller then closes.
  bool attach(Socket socket, bool is_local);
  /// Says that the transport stands: output may be written.
  void set_connected() { is_connected_ = true; }
  /// Starts the timer of idle_expired() and, on a server, of the pings to silent peers and of what
  /// peers leave unread.
  void watch(Http2Times times);
  void touch() { idle_since_ = loop_.clock().now(); }

  void receive(std::string_view bytes);
  void flush();
  /// Closes the socket, tells every stream's handler and then closed(). Once.
  void close(AbortReason reason);
  /// Closes the socket and tells nobody.
  void close_silently();

  void adopt(std::unique_ptr<Http2Stream> stream);
  /// Links an adopted stream with the id nghttp2 knows it by.
  void link(Http2Stream& stream, std::int32_t id);
  Http2Stream* find(std::int32_t id);
  /// When the last bytes came.
  Instant read_at() const { return read_at_; }

  // What the two roles do with the frames. All run inside nghttp2.
  /// A server's only: any frame, also HEADERS that nghttp2 then ignores.
  virtual void frame_begins(const nghttp2_frame_hd&) {}
  virtual void block_begins(const nghttp2_frame& frame) = 0;
  virtual void field_received(const nghttp2_frame& frame, std::string_view name,
                              std::string_view value) = 0;
  virtual void frame_received(const nghttp2_frame& frame) = 0;
  virtual void frame_sent(const nghttp2_frame& frame) = 0;
  /// `failure` is an nghttp2_error.
  virtual void frame_not_sent(const nghttp2_frame& frame, int failure) = 0;
  /// Both ends or a reset are through. The stream is freed after this; it has been disconnected.
  virtual void stream_closed(Http2Stream& stream, std::uint32_t code) = 0;
  /// Why a stream is aborted when the connection closes for `reason`.
  virtual AbortReason abort_reason(const Http2Stream& stream, AbortReason reason) const = 0;
  virtual void idle_expired() = 0;
  /// A server's only: whether a head that has begun should have ended.
  virtual bool is_head_overdue(Instant) const { return false; }
  virtual void closed() = 0;

 private:
  friend struct Http2Callbacks;
  using Streams = std::unordered_map<Http2Stream*, std::unique_ptr<Http2Stream>>;

  void read_socket();
  bool fill();
  bool write_socket();
  void tell_writable();
  void end_when_done();
  // Closes; the streams live to the end of the turn.
  std::shared_ptr<Streams> let_go();
  void release(Http2Stream& stream);
  void tick();
  void look_at_peer(Instant now);
  void cut_stalled_streams(Instant now);
  void arm_tick();
  void end_of_stream(std::int32_t id, std::uint32_t code);

  EventLoop& loop_;
  const Role role_;
  nghttp2_session* session_ = nullptr;
  Socket socket_;
  Streams streams_;
  std::vector<Http2Stream*> heads_;  // wait for submit_waiting_head()
  std::vector<Http2Stream*> submitting_;
  std::vector<Http2Stream*> writable_;  // wait for tell_writable()
  std::string out_;                     // serialised frames, from out_sent_ on not yet written
  std::size_t out_sent_ = 0;

  std::size_t queued_ = 0;     // body bytes that wait in all streams
  std::uint64_t written_ = 0;  // to the socket, in all
  Http2Progress progress_;     // of the socket

  Http2Times times_;
  Instant idle_since_{};
  Instant read_at_{};
  Instant ping_at_{};
  bool is_ping_out_ = false;
  bool is_idle_expired_ = false;
  Timer tick_;
  Timer flush_job_;
  Timer farewell_;  // when who said GOAWAY should have closed

  bool is_connected_ = false;
  bool is_busy_ = false;  // inside nghttp2 or flush()
  bool is_flush_wanted_ = false;
  bool is_flush_posted_ = false;
  bool is_hung_up_ = false;      // the peer's end was announced: read until it comes
  bool is_read_wanted_ = false;  // the read budget of a turn was used up
  bool is_closed_ = false;
  bool is_peer_leaving_ = false;  // a GOAWAY came
  bool is_leaving_ = false;       // a GOAWAY was sent
  bool is_broken_ = false;        // one with an error
};

}  // namespace pixell::net
