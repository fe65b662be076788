#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/http2_io.hpp"
#include "net/limits.hpp"
#include "net/upstream.hpp"

namespace pixell::net {
namespace {

// Ids end at 2^31-1; a session that is nearly through takes no more streams.
constexpr std::uint32_t kLastStreamId = (1u << 31) - 1024;
// A Unix listener with a full backlog takes nobody in; there is no event for when it does again.
constexpr Millis kConnectRetry{5};

/// The fields of a request until they are submitted: their text in one buffer.
class RequestBlock {
 public:
  explicit RequestBlock(const OutgoingHead& head);
  FieldBlock& fields() { return fields_; }
  void clear() {
    text_ = PieceString();
    fields_ = FieldBlock();
  }

 private:
  void add(std::string_view name, std::string_view value);
  PieceString text_;  // as long as the fields need it, so that it never moves
  FieldBlock fields_;
};

constexpr std::size_t kPseudoFields = 4;

RequestBlock::RequestBlock(const OutgoingHead& head) {
  const auto bytes_of = [](const Headers* headers) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; headers != nullptr && i < headers->size(); ++i)
      bytes += (*headers)[i].name.size() + (*headers)[i].value.size();
    return bytes;
  };
  const std::string_view scheme = head.scheme.empty() ? "http" : head.scheme;
  const std::string_view authority = head.authority.empty() ? "localhost" : head.authority;
  text_.reserve(head.method.size() + scheme.size() + authority.size() + head.target.size() +
                bytes_of(head.fields) + bytes_of(head.added));
  fields_.reserve(kPseudoFields + head.fields->size() +
                  (head.added == nullptr ? 0 : head.added->size()));
  // The names of the pseudo-fields are constants.
  const auto add_pseudo = [this](std::string_view name, std::string_view value) {
    const std::size_t at = text_.size();
    text_ += value;
    add_field(fields_, name, std::string_view(text_).substr(at));
  };
  add_pseudo(":method", head.method);
  add_pseudo(":scheme", scheme);
  add_pseudo(":authority", authority);
  add_pseudo(":path", head.target);
  for (std::size_t i = 0; i < head.fields->size(); ++i) {
    const Headers::Field field = (*head.fields)[i];
    if (!head.is_replaced(field.name)) add(field.name, field.value);
  }
  for (std::size_t i = 0; head.added != nullptr && i < head.added->size(); ++i)
    if (!(*head.added)[i].value.empty()) add((*head.added)[i].name, (*head.added)[i].value);
}

void RequestBlock::add(std::string_view name, std::string_view value) {
  if (is_forbidden_in_http2(name, value)) return;
  const std::size_t at = text_.size();
  text_.append(name).append(value);
  const std::string_view text = std::string_view(text_).substr(at);
  add_field(fields_, text.substr(0, name.size()), text.substr(name.size()));
}

/// One request of ours on an HTTP/2 session and its answer.
class Http2ClientStream final : public ClientStream, public Http2Stream {
 public:
  Http2ClientStream(Http2Io& io, const OutgoingHead& head, ClientHandler& handler, bool is_reused)
      : Http2Stream(io, -1), request_(head), handler_(&handler), is_reused_(is_reused) {
    set_handler(&handler);
    queue_head();
  }

  // ClientStream
  bool send_data(std::string_view bytes) override { return queue_data(bytes); }
  void finish(const Headers& trailers) override { queue_end(trailers); }
  void pause() override { set_paused(true); }
  void resume() override { set_paused(false); }
  void reset(ResetCode code) override { cut(code); }
  bool request_started() const override { return is_started_ && !is_refused_; }
  bool is_reused() const override { return is_reused_; }

  // Called by the session.
  void set_started() { is_started_ = true; }
  /// The peer said that it did nothing about the request (RFC 9113 8.7).
  void set_refused() { is_refused_ = true; }
  bool is_refused() const { return is_refused_; }
  void set_unsent(bool is_over_limit) {
    is_refused_ = true;
    is_over_limit_ = is_over_limit;
  }
  bool is_over_limit() const { return is_over_limit_; }
  bool has_answer() const { return status_ != 0; }
  void take_field(std::string_view name, std::string_view value);
  void block_ended(bool ends);

 private:
  void submit_head() override;

  RequestBlock request_;
  ClientHandler* handler_;
  const bool is_reused_;
  int status_ = 0;
  int block_status_ = 0;
  bool is_final_head_here_ = false;
  bool is_over_limit_ = false;
  bool is_started_ = false;
  bool is_refused_ = false;
};

void Http2ClientStream::submit_head() {
  const nghttp2_data_provider body = body_source();
  const FieldBlock& block = request_.fields();
  const std::int32_t submitted =
      nghttp2_submit_request(io().session(), nullptr, block.data(), block.size(),
                             has_no_body() ? nullptr : &body, static_cast<Http2Stream*>(this));
  request_.clear();
  if (submitted < 0) {
    // No id is left: nothing was sent, so another connection may try.
    fail(AbortReason::UnusedClosed, ResetCode::Cancel);
    return;
  }
  set_id(submitted);
}

void Http2ClientStream::take_field(std::string_view name, std::string_view value) {
  if (is_over_limit_) return;
  if (name == ":status") {
    std::from_chars(value.data(), value.data() + value.size(), block_status_);
  } else if (!collect(name, value)) {
    is_over_limit_ = true;
  }
}

void Http2ClientStream::block_ended(bool ends) {
  if (is_over_limit_) {
    fail(AbortReason::TooLarge, ResetCode::Cancel);
    return;
  }
  Headers fields = take_block();
  if (is_final_head_here_) {
    if (ends) end_received(fields);
    return;
  }
  status_ = std::exchange(block_status_, 0);
  ResponseHead head{.status = status_, .headers = std::move(fields)};
  is_final_head_here_ = status_ >= 200;
  if (is_cut()) return;
  if (!is_final_head_here_) {
    handler_->on_informational(head);
    return;
  }
  handler_->on_head(head);
  if (ends) end_received({});
}

/// The client's end of one HTTP/2 connection.
///
///   connecting ─socket stands─▶ open ─GOAWAY, close()─▶ leaving ─last stream ends─▶ closed
///   anything ─failure, idle, close(now)─▶ closed
class Http2ClientSession final : public Http2Session, private Http2Io {
 public:
  Http2ClientSession(EventLoop& loop, const Upstream& upstream, ClientOptions options,
                     std::function<void(Http2Session&)> on_closed)
      : Http2Io(loop, Role::Client),
        upstream_(upstream),
        options_(options),
        on_closed_(std::move(on_closed)) {}

  void connect();

  // Http2Session
  bool accepts() const override;
  std::size_t active_streams() const override { return stream_count(); }
  ClientStream& open(const OutgoingHead& head, ClientHandler& handler) override;
  void close(bool now) override;
  void abandon() override;

 private:
  void on_ready(std::uint32_t events) override;
  void block_begins(const nghttp2_frame&) override {}
  void field_received(const nghttp2_frame& frame, std::string_view name,
                      std::string_view value) override;
  void frame_received(const nghttp2_frame& frame) override;
  void frame_sent(const nghttp2_frame& frame) override;
  void frame_not_sent(const nghttp2_frame& frame, int failure) override;
  void stream_closed(Http2Stream& stream, std::uint32_t code) override;
  AbortReason abort_reason(const Http2Stream& stream, AbortReason reason) const override;
  void idle_expired() override { close(false); }
  void closed() override;

  Http2ClientStream* stream_of(const nghttp2_frame& frame) {
    return static_cast<Http2ClientStream*>(find(frame.hd.stream_id));
  }
  void say_goodbye();

  const Upstream& upstream_;
  const ClientOptions options_;
  std::function<void(Http2Session&)> on_closed_;
  bool is_connecting_ = true;
  bool is_leaving_ = false;
  Timer connect_timer_;
  Timer retry_;
  bool has_failed_ = false;
  bool has_settings_ = false;  // the peer's first SETTINGS came
  std::int32_t reset_by_peer_ = 0;
  bool was_used_ = false;  // an answer came: from now on an end may just be the peer's idle limit
};

void Http2ClientSession::connect() {
  if (!connect_timer_.is_set())
    connect_timer_ =
        loop().after(options_.connect_timeout, [this] { Http2Io::close(AbortReason::Timeout); });
  Result<UniqueFd> socket = start_connect(upstream_, options_.unix_user);
  if (!socket && socket.error().retry == Retry::Later) {
    retry_ = loop().after(kConnectRetry, [this] { connect(); });
    return;
  }
  if (socket && attach(Socket(std::move(*socket)), upstream_.is_local())) return;
  // Failures must not reach a handler before open() has returned.
  has_failed_ = true;
  retry_ = loop().after(Millis(0), [this] { Http2Io::close(AbortReason::Refused); });
}

bool Http2ClientSession::accepts() const {
  if (is_closed() || is_leaving_ || has_failed_) return false;
  nghttp2_session* known = const_cast<Http2ClientSession*>(this)->session();
  if (nghttp2_session_get_next_stream_id(known) >= kLastStreamId) return false;
  // Until the peer has named its limit nghttp2 sends 100 requests and keeps the others back.
  return stream_count() < (has_settings_ ? nghttp2_session_get_remote_settings(
                                               known, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
                                         : kH2MaxConcurrentStreams);
}

ClientStream& Http2ClientSession::open(const OutgoingHead& head, ClientHandler& handler) {
  auto stream = std::make_unique<Http2ClientStream>(static_cast<Http2Io&>(*this), head, handler,
                                                    !is_connecting_);
  Http2ClientStream& opened = *stream;
  adopt(std::move(stream));
  return opened;
}

void Http2ClientSession::close(bool now) {
  if (is_closed()) return;
  is_leaving_ = true;
  if (now || (is_connecting_ && stream_count() == 0)) {
    Http2Io::close(AbortReason::Shutdown);
    return;
  }
  say_goodbye();
}

void Http2ClientSession::abandon() {
  on_closed_ = nullptr;
  connect_timer_.cancel();
  retry_.cancel();
  close_silently();
}

// Without streams and with GOAWAY sent, the next flush closes.
void Http2ClientSession::say_goodbye() {
  if (stream_count() > 0) return;
  nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  schedule_flush();
}

void Http2ClientSession::on_ready(std::uint32_t events) {
  if (is_closed()) return;
  if (is_connecting_) {
    int failure = 0;
    socklen_t size = sizeof failure;
    if (::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &failure, &size) != 0 || failure != 0) {
      Http2Io::close(AbortReason::Refused);
      return;
    }
    if ((events & EPOLLOUT) == 0) return;
    is_connecting_ = false;
    connect_timer_.cancel();
    set_connected();
    touch();
    watch({.idle = options_.idle_timeout});
  }
  // What was opened before a GOAWAY is read still leaves: a draining server serves it.
  if (has_waiting_heads()) flush();
  if (!is_closed()) Http2Io::on_ready(events);
}

void Http2ClientSession::field_received(const nghttp2_frame& frame, std::string_view name,
                                        std::string_view value) {
  if (Http2ClientStream* stream = stream_of(frame)) stream->take_field(name, value);
}

void Http2ClientSession::frame_received(const nghttp2_frame& frame) {
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      was_used_ = true;
      if (Http2ClientStream* stream = stream_of(frame)) stream->block_ended(ends);
      break;
    case NGHTTP2_DATA:
      if (Http2ClientStream* stream = stream_of(frame); stream != nullptr && ends)
        stream->end_received({});
      break;
    case NGHTTP2_RST_STREAM:
      reset_by_peer_ = frame.hd.stream_id;
      break;
    case NGHTTP2_SETTINGS:
      has_settings_ = true;
      break;
    case NGHTTP2_GOAWAY:
      is_leaving_ = true;
      break;
    default:
      break;
  }
}

void Http2ClientSession::frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  if (Http2ClientStream* stream = stream_of(frame)) stream->set_started();
}

void Http2ClientSession::frame_not_sent(const nghttp2_frame& frame, int failure) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  Http2ClientStream* stream = stream_of(frame);
  if (stream == nullptr) return;
  const bool is_over_limit = failure == NGHTTP2_ERR_FRAME_SIZE_ERROR;  // nghttp2's, of 64 KiB
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    stream->set_unsent(is_over_limit);  // nghttp2 closes the stream next
  } else if (is_over_limit) {
    stream->fail(AbortReason::TooLarge, ResetCode::Cancel);
  }
}

void Http2ClientSession::stream_closed(Http2Stream& stream, std::uint32_t code) {
  auto& closed_stream = static_cast<Http2ClientStream&>(stream);
  // nghttp2 closes what is above the last id of a GOAWAY with this code, too.
  if (code == NGHTTP2_REFUSED_STREAM && !closed_stream.has_answer()) closed_stream.set_refused();
  if (closed_stream.is_over_limit()) {
    stream.tell_abort(AbortReason::TooLarge);
  } else if (closed_stream.is_refused()) {
    stream.tell_abort(AbortReason::UnusedClosed);
  } else if (code == NGHTTP2_NO_ERROR || stream.id() == reset_by_peer_) {
    stream.tell_abort(AbortReason::PeerClosed);
  } else {
    stream.tell_abort(AbortReason::ProtocolError);
  }
  if (is_leaving_ && !is_closed()) say_goodbye();
}

AbortReason Http2ClientSession::abort_reason(const Http2Stream& stream, AbortReason reason) const {
  if (reason != AbortReason::PeerClosed) return reason;
  const auto& open_stream = static_cast<const Http2ClientStream&>(stream);
  const bool is_unused = !open_stream.request_started() || (was_used_ && !open_stream.has_answer());
  return is_unused ? AbortReason::UnusedClosed : AbortReason::PeerClosed;
}

void Http2ClientSession::closed() {
  connect_timer_.cancel();
  retry_.cancel();
  if (on_closed_) std::exchange(on_closed_, nullptr)(*this);
}

}  // namespace

std::unique_ptr<Http2Session> make_http2_session(EventLoop& loop, const Upstream& upstream,
                                                 ClientOptions options,
                                                 std::function<void(Http2Session&)> on_closed) {
  auto session =
      std::make_unique<Http2ClientSession>(loop, upstream, options, std::move(on_closed));
  session->connect();
  return session;
}

}  // namespace pixell::net
