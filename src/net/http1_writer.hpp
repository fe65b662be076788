#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/event_loop.hpp"
#include "net/headers.hpp"
#include "net/http1_parser.hpp"
#include "net/message.hpp"
#include "net/socket.hpp"

// Internal to net: HTTP/1 on its way out.

namespace pixell::net {

/// Bytes on their way to a socket, which it does not own. What the socket does not take at once
/// waits here until it is writable again.
class SocketWriter {
 public:
  SocketWriter(EventLoop& loop, Socket& socket, bool is_writable)
      : loop_(loop), socket_(socket), is_writable_(is_writable) {}

  /// Whether the socket can take bytes (EPOLLOUT, or a new one that stands or does not yet).
  void set_writable(bool is_writable) { is_writable_ = is_writable; }
  /// Where bytes are appended that the next flush() or write() sends.
  std::string& queue() {
    if (queue_.capacity() <= kSmallQueueBytes) take_spare_buffer();
    return queue_;
  }
  std::size_t queued() const { return queue_.size() - sent_; }
  /// Sends what waits and then `data` and `tail`, which are copied when the socket is full.
  void write(std::string_view data, std::string_view tail = {});
  void flush() {
    if (queued() > 0) write({});
  }
  /// Sends what waits and then bytes of a file, at most kMaxFileSendBytes. Gives the number of the
  /// latter; 0 when the file ends before `offset`; -1 with errno EAGAIN when the socket takes none
  /// (or is broken), EOPNOTSUPP when this socket or file cannot be sent so.
  ssize_t send_file(int file, std::int64_t offset, std::size_t length);
  /// False from when the socket was full until it is known to take bytes again.
  bool is_writable() const { return is_writable_; }
  /// True when the socket failed: the peer is gone, and bytes are dropped from here on.
  bool is_broken() const { return is_broken_; }
  /// Bytes the socket took so far.
  std::uint64_t total_sent() const { return total_sent_; }

 private:
  // What a string holds without memory of its own.
  static constexpr std::size_t kSmallQueueBytes = 15;
  void take_spare_buffer();
  void send(std::string_view data, std::string_view tail, int flags);
  void drop_sent(std::size_t n);
  void note_full() {
    is_writable_ = false;
    loop_.await_writable(socket_.fd());
  }

  EventLoop& loop_;
  Socket& socket_;
  bool is_writable_;
  bool is_broken_ = false;
  std::size_t sent_ = 0;  // bytes at the front of queue_ that left already
  std::uint64_t total_sent_ = 0;
  std::string queue_;
};

/// Frames an outgoing body.
class BodyWriter {
 public:
  void start(BodyFraming framing) {
    kind_ = framing.kind;
    rest_ = framing.length;
  }
  BodyKind kind() const { return kind_; }
  /// Same as add(), for bytes of a file, with the result of SocketWriter::send_file(). EOPNOTSUPP
  /// also when they would have to be framed or are more than announced.
  ssize_t add_file(SocketWriter& writer, int file, std::int64_t offset, std::size_t length);
  /// Adds a piece; small ones stay queued. Bytes beyond the announced length are dropped. False
  /// when bytes were dropped for that reason.
  bool add(SocketWriter& writer, std::string_view data);
  /// Adds the end. False when the announced length was not reached: the connection must be closed.
  bool finish(SocketWriter& writer, const Headers& trailers);

 private:
  BodyKind kind_ = BodyKind::None;
  std::uint64_t rest_ = 0;
};

/// What a reply head depends on besides the head.
struct ReplyContext {
  bool is_http10 = false;
  bool is_head_request = false;
  bool keep_alive = true;
  bool ends = false;  ///< no body follows
};

/// Appends a reply head and says how its body is framed. Hop-by-hop fields of the caller are left
/// out (kept with 101), and so are fields that would break the head. UntilClose, for HTTP/1.0,
/// writes Connection: close whatever `keep_alive` says.
BodyFraming append_reply_head(std::string& out, const ResponseHead& head, ReplyContext context);

/// Appends a request head but for its end, and says how the body is framed; nullopt when the head
/// does not tell. Hop-by-hop fields are left out but for an upgrade; so is Expect, since we never
/// wait. append_request_end() must follow.
std::optional<BodyFraming> append_request_head(std::string& out, const OutgoingHead& head);
void append_request_end(std::string& out, BodyFraming framing);

}  // namespace pixell::net
