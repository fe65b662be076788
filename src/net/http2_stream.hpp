#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/piece_pool.hpp"
#include "net/event_loop.hpp"
#include "net/stream.hpp"

// Internal to net: what the server's and the client's end of an HTTP/2 stream share.

namespace pixell::net {

class Http2Io;

/// Bytes that wait to be sent, taken from the front. Holds no memory while it is empty and was big.
class ByteQueue {
 public:
  void append(std::string_view bytes);
  std::string_view front() const { return std::string_view(bytes_).substr(taken_); }
  /// Drops the first `count` bytes; `count` is at most size().
  void pop(std::size_t count);
  std::size_t size() const { return bytes_.size() - taken_; }
  bool empty() const { return size() == 0; }
  void clear();

 private:
  PieceString bytes_;
  std::size_t taken_ = 0;
};

/// Whether what waits to be sent moves, asked now and then.
class Http2Progress {
 public:
  /// True when bytes have waited for `limit` and `moved`, the count of those sent, stood still.
  bool has_stalled(bool is_waiting, std::uint64_t moved, Instant now, Millis limit);

 private:
  std::uint64_t moved_ = 0;
  Instant since_ = Instant::max();  // max = nothing waited
};

using FieldBlock = PieceVector<nghttp2_nv>;

/// Adds one field. nghttp2 copies name (as lower case) and value when the block is submitted, so
/// both must stay until then.
void add_field(FieldBlock& block, std::string_view name, std::string_view value);
/// Whether HTTP/2 has no room for the field: a matter of one hop (RFC 9113 8.2.2), or Host.
bool is_forbidden_in_http2(std::string_view name, std::string_view value);
/// Adds all fields but the forbidden ones.
void add_fields(FieldBlock& block, const Headers& headers);

/// One HTTP/2 stream, either end: the outgoing queue, flow control of what comes in, and the two
/// ends of it. Its handler is told nothing more once it is detached.
///
///   head:  none ─queue─▶ waiting ─flush─▶ submitted        body: open ─finish─▶ finished ─▶ end
///   sent
///
/// The head waits for the end of the loop turn so that a message without a body becomes one HEADERS
/// frame that ends the stream, as gRPC's Trailers-Only answers must be.
class Http2Stream : public Pooled {
 public:
  Http2Stream(Http2Io& io, std::int32_t id) : io_(&io), id_(id) {}
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;
  virtual ~Http2Stream() = default;

  // Called by Http2Io.
  std::int32_t id() const { return id_; }
  /// Hands the waiting head to nghttp2, at the start of a flush.
  void submit_waiting_head();
  /// The read callback of nghttp2: moves body bytes into its frame.
  ssize_t read_body(std::uint8_t* to, std::size_t room, std::uint32_t& flags);
  void data_received(std::string_view bytes);
  void end_received(const Headers& trailers);
  void end_sent();
  void tell_writable();
  /// The stream is gone: no call reaches nghttp2 any more. The handler stays to be told.
  void disconnect();
  void tell_abort(AbortReason reason);
  /// Resets the stream and tells the handler why.
  void fail(AbortReason reason, ResetCode code);
  bool is_cut() const { return is_cut_; }
  /// True when the peer has taken nothing of what waits for `limit`.
  bool has_stalled(Instant now, Millis limit) {
    return progress_.has_stalled(!queue_.empty(), sent_, now, limit);
  }
  /// True when the peer has sent nothing of the body it owes for `limit`.
  bool has_stalled_body(Instant now, Millis limit) {
    return body_progress_.has_stalled(!is_end_received_ && !is_paused_ && owes_body(), received_,
                                      now, limit);
  }
  /// Answers a request whose body does not come, and tells the handler.
  virtual void refuse_body() {}

  /// Collects one field of the block that is being received. False when the block is over the
  /// limits of a head; it is then no longer collected.
  bool collect(std::string_view name, std::string_view value);
  Headers take_block();

 protected:
  bool is_live() const { return io_ != nullptr; }
  /// True when the message can be sent as a head that ends the stream.
  bool has_no_body() const { return is_finished_ && queue_.empty() && trailers_.empty(); }
  bool is_finished() const { return is_finished_; }
  bool is_paused() const { return is_paused_; }

  void queue_head();
  bool queue_data(std::string_view bytes);
  void queue_end(const Headers& trailers);
  void set_paused(bool is_paused);
  void cut(ResetCode code);
  /// Tells a handler that comes too late, because the connection closed meanwhile, at once.
  void set_handler(StreamHandler* handler);
  void set_id(std::int32_t id) { id_ = id; }
  nghttp2_data_provider body_source();
  Http2Io& io() { return *io_; }

  /// Whether a silent body is somebody's fault.
  virtual bool owes_body() const { return false; }
  /// Submits the head: with body_source() or, when has_no_body(), so that it ends the stream.
  virtual void submit_head() = 0;

 private:
  void wake();
  void consume_held();
  void clear_queue();
  void detach_when_over();

  Http2Io* io_;
  std::int32_t id_;
  StreamHandler* handler_ = nullptr;

  ByteQueue queue_;
  std::uint64_t sent_ = 0;      // body bytes handed to nghttp2
  std::uint64_t received_ = 0;  // body bytes given to the handler
  Http2Progress progress_;
  Http2Progress body_progress_;
  Headers trailers_;
  Headers block_;
  std::size_t block_bytes_ = 0;
  std::size_t held_ = 0;     // received but not yet given back to the peer's window
  std::size_t drained_ = 0;  // received although nobody wants it
  Timer linger_;
  bool is_head_waiting_ = false;
  bool is_finished_ = false;
  bool is_end_sent_ = false;
  bool is_end_received_ = false;
  bool is_deferred_ = false;  // nghttp2 waits for nghttp2_session_resume_data
  bool is_full_ = false;      // send_data said false and on_writable is owed
  bool is_paused_ = false;
  bool is_cut_ = false;
  bool cut_when_sent_ = false;
};

}  // namespace pixell::net
