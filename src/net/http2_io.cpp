#include "net/http2_io.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.hpp"
#include "net/http2_memory.hpp"
#include "net/limits.hpp"

namespace pixell::net {

/// The C callbacks of nghttp2, which lead to the virtual functions of Http2Io.
struct Http2Callbacks {
  // Ends mem_recv or mem_send at once: a handler closed the connection meanwhile.
  static int status(const Http2Io& io) { return io.is_closed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0; }
  static Http2Io& of(void* user) { return *static_cast<Http2Io*>(user); }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    Http2Io& io = of(user);
    if (!io.is_closed_) io.frame_begins(*head);
    return status(io);
  }
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Io& io = of(user);
    if (!io.is_closed_) io.block_begins(*frame);
    return status(io);
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) {
    Http2Io& io = of(user);
    if (!io.is_closed_)
      io.field_received(*frame, {reinterpret_cast<const char*>(name), name_size},
                        {reinterpret_cast<const char*>(value), value_size});
    return status(io);
  }
  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Io& io = of(user);
    if (io.is_closed_) return status(io);
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
      io.is_ping_out_ = false;
    if (frame->hd.type == NGHTTP2_GOAWAY) io.is_peer_leaving_ = true;
    io.frame_received(*frame);
    return status(io);
  }
  static int data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id,
                        const std::uint8_t* data, std::size_t size, void* user) {
    Http2Io& io = of(user);
    if (io.is_closed_) return status(io);
    // The connection's window is given back at once: a held stream holds only itself.
    nghttp2_session_consume_connection(session, size);
    if (Http2Stream* stream = io.find(id)) {
      stream->data_received({reinterpret_cast<const char*>(data), size});
    } else {
      nghttp2_session_consume_stream(session, id, size);
    }
    return status(io);
  }
  static int stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    Http2Io& io = of(user);
    if (!io.is_closed_) io.end_of_stream(id, code);
    return status(io);
  }
  static int frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Io& io = of(user);
    if (io.is_closed_) return status(io);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      io.is_leaving_ = true;
      io.is_broken_ = io.is_broken_ || frame->goaway.error_code != NGHTTP2_NO_ERROR;
    }
    io.frame_sent(*frame);
    const bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (Http2Stream* stream = ends ? io.find(frame->hd.stream_id) : nullptr) stream->end_sent();
    return status(io);
  }
  static int frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int failure, void* user) {
    Http2Io& io = of(user);
    if (!io.is_closed_) io.frame_not_sent(*frame, failure);
    return status(io);
  }

  static nghttp2_session* make_session(Http2Io& io, Http2Io::Role role) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    nghttp2_session* session = nullptr;
    int failed = nghttp2_session_callbacks_new(&callbacks);
    if (failed == 0) failed = nghttp2_option_new(&option);
    CHECK(failed == 0, "nghttp2 fails here only without memory");
    if (role == Http2Io::Role::Server)
      nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, frame_not_send);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    failed = role == Http2Io::Role::Server
                 ? nghttp2_session_server_new3(&session, callbacks, &io, option, http2_memory())
                 : nghttp2_session_client_new3(&session, callbacks, &io, option, http2_memory());
    CHECK(failed == 0, "nghttp2 fails here only without memory");
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
  }
};

namespace {

void submit_settings(nghttp2_session* session, Http2Io::Role role) {
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kH2InitialWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeadBytes}};
  if (role == Http2Io::Role::Server) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kH2MaxConcurrentStreams});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  int failed =
      nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  if (failed == 0)
    failed = nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                   static_cast<std::int32_t>(kH2ConnectionWindow));
  CHECK(failed == 0, "the settings in limits.hpp are valid");
}

}  // namespace

Http2Io::Http2Io(EventLoop& loop, Role role) : loop_(loop), role_(role) {
  session_ = Http2Callbacks::make_session(*this, role);
  submit_settings(session_, role);
  read_at_ = idle_since_ = loop_.clock().now();
}

Http2Io::~Http2Io() {
  if (socket_) loop_.remove(socket_.fd());
  for (auto& [key, stream] : streams_) stream->disconnect();
  nghttp2_session_del(session_);
}

bool Http2Io::attach(Socket socket, bool is_local) {
  socket_ = std::move(socket);
  if (!(is_local ? loop_.add_local(socket_.fd(), *this) : loop_.add(socket_.fd(), *this)))
    return false;
  if (socket_.holds_unread()) {
    is_read_wanted_ = true;
    schedule_flush();
  }
  return true;
}

void Http2Io::on_ready(std::uint32_t events) {
  if (is_closed_) return;
  events = socket_.absorb(events);
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) is_hung_up_ = true;
  if (is_hung_up_ || (events & EPOLLIN) != 0) read_socket();
  flush();
}

void Http2Io::read_socket() {
  // The windows bound the data a peer can send before we answer; this bounds everything else.
  for (int reads = 0; reads < kMaxReadsPerTurn; ++reads) {
    const ssize_t n = socket_.read(loop_.scratch(), EventLoop::kScratchBytes);
    if (n > 0) {
      receive({loop_.scratch(), static_cast<std::size_t>(n)});
      if (is_closed_) return;
      // A short read has emptied the socket: the next byte brings the next event (epoll(7)).
      if (!is_hung_up_ && static_cast<std::size_t>(n) < EventLoop::kScratchBytes &&
          !socket_.holds_unread())
        return;
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    close(AbortReason::PeerClosed);
    return;
  }
  is_read_wanted_ = true;
  schedule_flush();
}

void Http2Io::receive(std::string_view bytes) {
  read_at_ = loop_.clock().now();
  is_busy_ = true;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  is_busy_ = false;
  if (is_closed_) return;
  // A peer that never reads makes control frames pile up inside nghttp2.
  if (taken < 0 || nghttp2_session_get_outbound_queue_size(session_) > kH2MaxQueuedFrames)
    close(AbortReason::ProtocolError);
}

void Http2Io::schedule_flush() {
  is_flush_wanted_ = true;
  if (is_busy_ || is_closed_ || !is_connected_ || is_flush_posted_) return;
  is_flush_posted_ = true;
  flush_job_ = loop_.after(Millis(0), [this] {
    is_flush_posted_ = false;
    if (is_closed_) return;
    if (std::exchange(is_read_wanted_, false)) read_socket();
    flush();
  });
}

void Http2Io::queue_head(Http2Stream& stream) {
  heads_.push_back(&stream);
  schedule_flush();
}

void Http2Io::note_writable(Http2Stream& stream) { writable_.push_back(&stream); }

void Http2Io::flush() {
  if (is_busy_ || is_closed_ || !is_connected_) return;
  is_busy_ = true;
  for (;;) {
    is_flush_wanted_ = false;
    if (!fill()) {
      is_busy_ = false;
      close(AbortReason::ProtocolError);
      return;
    }
    tell_writable();
    if (is_closed_) break;
    if (out_.size() > out_sent_) {
      if (!write_socket()) break;
    } else if (!is_flush_wanted_) {
      break;
    }
  }
  is_busy_ = false;
  // Asked for once more while the socket was full: EPOLLOUT brings us back.
  end_when_done();
}

bool Http2Io::fill() {
  while (!is_closed_) {
    submitting_.swap(heads_);
    for (Http2Stream* stream : submitting_) stream->submit_waiting_head();
    submitting_.clear();
    if (out_.size() - out_sent_ >= kH2WriteBatchBytes) return true;
    const std::uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &frame);
    if (size < 0) return is_closed_;  // a callback closed the connection, or nghttp2 failed
    if (size == 0) {
      if (heads_.empty()) return true;
      continue;
    }
    out_.append(reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size));
  }
  return true;
}

void Http2Io::tell_writable() {
  if (writable_.empty()) return;
  std::vector<Http2Stream*> streams;
  streams.swap(writable_);
  for (Http2Stream* stream : streams) {
    if (is_closed_) return;
    stream->tell_writable();
  }
}

bool Http2Io::write_socket() {
  while (out_sent_ < out_.size()) {
    const ssize_t n = socket_.write(std::string_view(out_).substr(out_sent_));
    if (n >= 0) {
      out_sent_ += static_cast<std::size_t>(n);
      written_ += static_cast<std::uint64_t>(n);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      loop_.await_writable(socket_.fd());
      return false;
    }
    close(AbortReason::PeerClosed);
    return false;
  }
  out_sent_ = 0;
  if (out_.capacity() > kH2KeptOutputBytes) {
    std::string().swap(out_);
  } else {
    out_.clear();
  }
  return true;
}

void Http2Io::end_when_done() {
  if (is_closed_ || out_.size() > out_sent_) return;
  if (nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0) return;
  // A client that leaves may have said more by now, and closing at once would answer with a reset:
  // it is told the end, and is read until it closes as well.
  if (role_ == Role::Server && is_peer_leaving_ && !is_leaving_) {
    if (farewell_.is_set()) return;
    socket_.shutdown_write();
    farewell_ = loop_.after(kLingerTimeout, [this] { close(AbortReason::PeerClosed); });
    return;
  }
  close(is_broken_ ? AbortReason::ProtocolError : AbortReason::PeerClosed);
}

void Http2Io::close(AbortReason reason) {
  if (is_closed_) return;
  auto streams = let_go();
  for (auto& [key, stream] : *streams) stream->tell_abort(abort_reason(*stream, reason));
  closed();
}

void Http2Io::close_silently() {
  if (!is_closed_) (void)let_go();
}

// Handlers may reset other streams of ours from on_abort: all are disconnected before one is told.
std::shared_ptr<Http2Io::Streams> Http2Io::let_go() {
  is_closed_ = true;
  tick_.cancel();
  flush_job_.cancel();
  farewell_.cancel();
  heads_.clear();
  writable_.clear();
  if (socket_) loop_.remove(socket_.fd());
  socket_.close();
  auto streams = std::make_shared<Streams>(std::move(streams_));
  streams_.clear();
  for (auto& [key, stream] : *streams) stream->disconnect();
  loop_.delete_later(streams);
  return streams;
}

void Http2Io::adopt(std::unique_ptr<Http2Stream> stream) {
  Http2Stream* key = stream.get();
  streams_.emplace(key, std::move(stream));
}

void Http2Io::link(Http2Stream& stream, std::int32_t id) {
  nghttp2_session_set_stream_user_data(session_, id, &stream);
}

Http2Stream* Http2Io::find(std::int32_t id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

void Http2Io::forget(Http2Stream& stream) {
  stream.disconnect();
  release(stream);
}

void Http2Io::release(Http2Stream& stream) {
  const auto found = streams_.find(&stream);
  if (found == streams_.end()) return;
  loop_.delete_later(std::move(found->second));
  streams_.erase(found);
  std::erase(heads_, &stream);
  std::erase(writable_, &stream);
  if (streams_.empty()) touch();
}

void Http2Io::end_of_stream(std::int32_t id, std::uint32_t code) {
  Http2Stream* stream = find(id);
  if (stream == nullptr) return;
  nghttp2_session_set_stream_user_data(session_, id, nullptr);
  stream->disconnect();
  release(*stream);
  stream_closed(*stream, code);
}

}  // namespace pixell::net
