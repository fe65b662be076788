#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/http1_parser.hpp"
#include "net/http2_io.hpp"
#include "net/http2_past_streams.hpp"
#include "net/http2_patience.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/server_connection.hpp"

namespace pixell::net {
namespace {

class Http2Connection;

/// One request on an HTTP/2 connection and its answer.
class Http2ServerStream final : public ServerStream, public Http2Stream {
 public:
  Http2ServerStream(Http2Io& io, std::int32_t id, const PeerInfo& peer)
      : Http2Stream(io, id), peer_(peer) {
    request_.protocol = Protocol::Http2;
  }

  // ServerStream
  const RequestHead& request() const override { return request_; }
  const PeerInfo& peer() const override { return peer_; }
  bool send_data(std::string_view bytes) override {
    return answer_has_no_body_ ? true : queue_data(bytes);
  }
  void finish(const Headers& trailers) override { queue_end(trailers); }
  void pause() override { set_paused(true); }
  void resume() override;
  void reset(ResetCode code) override { cut(code); }
  void send_informational(const ResponseHead& head) override;
  void send_head(const ResponseHead& head, bool ends) override;
  bool head_sent() const override { return is_head_sent_; }

  // Called by Http2Connection.
  void take_field(std::string_view name, std::string_view value);
  /// Hands the complete request to the service, or answers it when it is not acceptable.
  void serve(Service& service, bool ends);
  bool is_announced() const { return is_announced_; }
  bool is_served() const { return is_served_; }
  bool is_over_limit() const { return is_over_limit_; }

 private:
  void submit_head() override;
  void refuse_body() override;
  bool owes_body() const override {
    return is_served_ && handler_ != nullptr && !is_head_sent_ && !request_.is_grpc();
  }
  void take_pseudo_field(std::string_view name, std::string_view value);
  /// The status of a refusal, or 0.
  int refusal() const;
  void send_continue();

  const PeerInfo& peer_;
  RequestHead request_;
  std::string cookies_;
  std::unique_ptr<StreamHandler> handler_;
  ResponseHead answer_;
  bool is_announced_ = false;  // the owner counts it
  bool is_served_ = false;
  bool is_head_sent_ = false;
  bool answer_has_no_body_ = false;
  bool is_continue_owed_ = false;
  bool is_over_limit_ = false;
  bool is_target_over_limit_ = false;
};

std::string_view status_text(int status, std::array<char, 12>& room) {
  const auto end = std::to_chars(room.data(), room.data() + room.size(), status).ptr;
  return {room.data(), static_cast<std::size_t>(end - room.data())};
}

void Http2ServerStream::take_pseudo_field(std::string_view name, std::string_view value) {
  if (name == ":method") request_.method = value;
  if (name == ":scheme") request_.scheme = value;
  if (name == ":authority") request_.authority = value;
  if (name == ":path") {
    if (value.size() > kMaxTargetBytes) {
      is_target_over_limit_ = true;
    } else {
      request_.target = value;
    }
  }
}

void Http2ServerStream::take_field(std::string_view name, std::string_view value) {
  if (is_over_limit_) return;
  if (!is_served_ && name.starts_with(':')) {
    take_pseudo_field(name, value);
  } else if (!is_served_ && name == "host") {
    if (request_.authority.empty()) request_.authority = value;
  } else if (!is_served_ && name == "cookie") {
    // Split for better compression; one field again outside HTTP/2 (RFC 9113 8.2.3).
    if (!cookies_.empty()) cookies_ += "; ";
    cookies_ += value;
    if (cookies_.size() > kMaxHeadBytes) is_over_limit_ = true;
  } else if (!collect(name, value)) {
    is_over_limit_ = true;
  }
}

int Http2ServerStream::refusal() const {
  if (is_over_limit_) return 431;
  if (is_target_over_limit_) return 414;
  if (request_.method == "CONNECT") return 501;
  if (request_.target != "*" && !request_.target.starts_with('/')) return 400;
  // nghttp2 lets pass what HTTP/1 could not say to the upstream.
  if (!is_target(request_.target) || !is_authority(request_.authority)) return 400;
  return 0;
}

void Http2ServerStream::serve(Service& service, bool ends) {
  is_served_ = true;
  is_announced_ = true;
  if (peer_.is_encrypted) request_.scheme = "https";
  request_.headers = take_block();
  if (!cookies_.empty()) request_.headers.add("cookie", cookies_);
  if (const int status = refusal()) {
    send_problem(*this, status, reason_phrase(status));
    if (!ends) cut(ResetCode::NoError);
    return;
  }
  is_continue_owed_ = !ends && request_.headers.has_token("expect", "100-continue");
  handler_ = service.on_request(*this);
  if (handler_ != nullptr) set_handler(handler_.get());
  if (!is_paused()) send_continue();
}

void Http2ServerStream::refuse_body() {
  tell_abort(AbortReason::Timeout);
  send_problem(*this, 408, "the request body took too long");
  cut(ResetCode::NoError);
}

void Http2ServerStream::resume() {
  set_paused(false);
  send_continue();
}

void Http2ServerStream::send_continue() {
  if (!std::exchange(is_continue_owed_, false)) return;
  if (!is_head_sent_) send_informational({.status = 100, .headers = {}});
}

void Http2ServerStream::send_informational(const ResponseHead& head) {
  if (!is_live() || is_head_sent_) return;
  std::array<char, 12> room;
  FieldBlock block;
  add_field(block, ":status", status_text(head.status, room));
  add_fields(block, head.headers);
  nghttp2_submit_headers(io().session(), NGHTTP2_FLAG_NONE, id(), nullptr, block.data(),
                         block.size(), nullptr);
  io().schedule_flush();
}

void Http2ServerStream::send_head(const ResponseHead& head, bool ends) {
  if (!is_live() || is_head_sent_) return;
  is_head_sent_ = true;
  is_continue_owed_ = false;
  answer_ = head;
  if (answer_.status < 200) answer_.status = 502;  // HTTP/2 has no 101 (RFC 9113 8.6)
  answer_has_no_body_ = request_.method == "HEAD" || head.status == 204 || head.status == 304;
  queue_head();
  if (ends) queue_end({});
}

void Http2ServerStream::submit_head() {
  std::array<char, 12> room;
  FieldBlock block;
  block.reserve(answer_.headers.size() + 1);
  add_field(block, ":status", status_text(answer_.status, room));
  add_fields(block, answer_.headers);
  const nghttp2_data_provider body = body_source();
  const int failed = nghttp2_submit_response(io().session(), id(), block.data(), block.size(),
                                             has_no_body() ? nullptr : &body);
  answer_ = {};
  if (failed != 0) cut(ResetCode::InternalError);
}

/// The server's end of one HTTP/2 connection.
///
///   serving ─drain─▶ noticed (GOAWAY 2^31-1, PING) ─ack or kH2DrainNotice─▶ leaving (GOAWAY last)
///   leaving ─last stream ends─▶ closed          anything ─close_now, abuse, end─▶ closed
class Http2Connection final : public ServerConnection, private Http2Io {
 public:
  Http2Connection(ServerConnectionContext context, Socket socket)
      : Http2Io(context.loop, Role::Server),
        context_(std::move(context)),
        accepted_(std::move(socket)) {}

  void start(std::string first_bytes) override;
  void drain(IdleConnections) override;
  void close_now() override { close(AbortReason::Shutdown); }

 private:
  enum class State { Serving, Noticed, Leaving };

  void frame_begins(const nghttp2_frame_hd& head) override;
  void block_begins(const nghttp2_frame& frame) override;
  void field_received(const nghttp2_frame& frame, std::string_view name,
                      std::string_view value) override;
  void frame_received(const nghttp2_frame& frame) override;
  void frame_sent(const nghttp2_frame& frame) override {
    if (frame.hd.type == NGHTTP2_DATA) patience_.moved();
  }
  void frame_not_sent(const nghttp2_frame& frame, int failure) override;
  void stream_closed(Http2Stream& stream, std::uint32_t code) override;
  AbortReason abort_reason(const Http2Stream&, AbortReason reason) const override { return reason; }
  void idle_expired() override { leave(); }
  bool is_head_overdue(Instant now) const override {
    return head_began_ != Instant::max() && now - head_began_ >= context_.options.head_timeout;
  }
  void closed() override;

  Http2ServerStream* stream_of(const nghttp2_frame& frame) {
    return static_cast<Http2ServerStream*>(find(frame.hd.stream_id));
  }
  void headers_received(Http2ServerStream& stream, bool ends);
  void leave();
  void note_reset();
  void note_idle_frame();
  void lose_patience(std::string_view why);
  void terminate(std::uint32_t code);
  void count_closed(Http2ServerStream& stream);

  ServerConnectionContext context_;
  Socket accepted_;
  State state_ = State::Serving;
  Timer notice_;
  std::size_t announced_ = 0;
  Http2PastStreams past_;
  std::int32_t reset_by_peer_ = 0;  // the stream of the last RST_STREAM that came
  Http2Patience patience_;
  bool is_terminated_ = false;
  Instant head_began_ = Instant::max();  // max = no head is being received
};

void Http2Connection::start(std::string first_bytes) {
  set_connected();
  if (!attach(std::move(accepted_), context_.peer.is_plain_local())) {
    close_now();
    return;
  }
  watch({.idle = context_.options.idle_timeout,
         .head = context_.options.head_timeout,
         .send_stall = context_.options.send_stall_timeout,
         .body_stall = context_.options.body_stall_timeout});
  if (!first_bytes.empty()) receive(first_bytes);
  flush();
}

void Http2Connection::drain(IdleConnections) {
  if (is_closed() || state_ != State::Serving) return;
  state_ = State::Noticed;
  // The client learns first that we leave, so that no request of its crosses the last GOAWAY.
  nghttp2_submit_shutdown_notice(session());
  nghttp2_submit_ping(session(), NGHTTP2_FLAG_NONE, nullptr);
  notice_ = loop().after(kH2DrainNotice, [this] { leave(); });
  schedule_flush();
}

void Http2Connection::leave() {
  if (is_closed() || state_ == State::Leaving) return;
  state_ = State::Leaving;
  nghttp2_submit_goaway(session(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  schedule_flush();
}

// nghttp2 passes over a head on a stream it has forgotten.
void Http2Connection::frame_begins(const nghttp2_frame_hd& head) {
  if (head.type != NGHTTP2_HEADERS) return;
  if (past_.is_new(head.stream_id)) return past_.opened(head.stream_id);
  if (find(head.stream_id) != nullptr) return;
  using Verdict = Http2PastStreams::Verdict;
  const Verdict verdict = past_.judge(head.stream_id);
  if (verdict == Verdict::Closed) terminate(NGHTTP2_STREAM_CLOSED);
  if (verdict == Verdict::LeftOut) terminate(NGHTTP2_PROTOCOL_ERROR);
}

void Http2Connection::block_begins(const nghttp2_frame& frame) {
  head_began_ = read_at();
  if (frame.hd.type != NGHTTP2_HEADERS || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
  auto stream = std::make_unique<Http2ServerStream>(static_cast<Http2Io&>(*this),
                                                    frame.hd.stream_id, context_.peer);
  Http2ServerStream& added = *stream;
  adopt(std::move(stream));
  link(added, frame.hd.stream_id);
  patience_.opened();
}

void Http2Connection::field_received(const nghttp2_frame& frame, std::string_view name,
                                     std::string_view value) {
  if (Http2ServerStream* stream = stream_of(frame)) stream->take_field(name, value);
}

void Http2Connection::frame_received(const nghttp2_frame& frame) {
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      head_began_ = Instant::max();
      if (Http2ServerStream* stream = stream_of(frame)) headers_received(*stream, ends);
      break;
    case NGHTTP2_DATA:
      frame.hd.length > frame.data.padlen || ends ? patience_.moved() : note_idle_frame();
      if (Http2ServerStream* stream = stream_of(frame); stream != nullptr && ends)
        stream->end_received({});
      break;
    case NGHTTP2_RST_STREAM:
      reset_by_peer_ = frame.hd.stream_id;  // the stream is closed next
      break;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) {
        note_idle_frame();
      } else if (state_ == State::Noticed) {
        leave();
      }
      break;
    default:
      note_idle_frame();
      break;
  }
}

void Http2Connection::headers_received(Http2ServerStream& stream, bool ends) {
  if (stream.is_served()) {
    if (stream.is_over_limit()) {
      stream.fail(AbortReason::TooLarge, ResetCode::InternalError);
    } else if (ends) {
      stream.end_received(stream.take_block());
    }
    return;
  }
  ++announced_;
  context_.owner.stream_opened();
  stream.serve(context_.service, ends);
  if (ends && !is_closed()) stream.end_received({});
}

void Http2Connection::frame_not_sent(const nghttp2_frame& frame, int failure) {
  if (frame.hd.type != NGHTTP2_HEADERS || failure != NGHTTP2_ERR_FRAME_SIZE_ERROR) return;
  // A head over nghttp2's limit of 64 KiB: without it the stream would wait for ever.
  if (Http2ServerStream* stream = stream_of(frame))
    stream->fail(AbortReason::TooLarge, ResetCode::InternalError);
}

void Http2Connection::stream_closed(Http2Stream& stream, std::uint32_t code) {
  const bool by_peer = stream.id() == reset_by_peer_;
  auto& closed_stream = static_cast<Http2ServerStream&>(stream);
  if (by_peer || (code != NGHTTP2_NO_ERROR && !closed_stream.is_cut())) note_reset();
  if (by_peer || (code == NGHTTP2_NO_ERROR && !closed_stream.is_cut()))
    past_.ended_by_peer(stream.id());
  count_closed(closed_stream);
  stream.tell_abort(by_peer || code == NGHTTP2_NO_ERROR ? AbortReason::PeerClosed
                                                        : AbortReason::ProtocolError);
}

void Http2Connection::count_closed(Http2ServerStream& stream) {
  if (!stream.is_announced()) return;
  --announced_;
  context_.owner.stream_closed();
}

void Http2Connection::note_reset() {
  if (!patience_.take_reset(read_at())) lose_patience("stream resets");
}

void Http2Connection::note_idle_frame() {
  if (!patience_.take_idle_frame(read_at())) lose_patience("frames that move nothing");
}

void Http2Connection::lose_patience(std::string_view why) {
  if (is_terminated_) return;
  context_.log.warning("HTTP/2 connection closed for abuse",
                       {{"peer", context_.peer.address}, {"reason", why}});
  terminate(NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Connection::terminate(std::uint32_t code) {
  if (std::exchange(is_terminated_, true)) return;
  nghttp2_session_terminate_session(session(), code);
  schedule_flush();
}

void Http2Connection::closed() {
  notice_.cancel();
  for (; announced_ > 0; --announced_) context_.owner.stream_closed();
  context_.owner.connection_closed(*this);
}

}  // namespace

std::unique_ptr<ServerConnection> make_http2_connection(ServerConnectionContext context,
                                                        Socket socket) {
  return std::make_unique<Http2Connection>(std::move(context), std::move(socket));
}

}  // namespace pixell::net
