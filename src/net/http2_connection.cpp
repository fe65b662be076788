#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/http2_io.hpp"
#include "net/http2_past_streams.hpp"
#include "net/http2_patience.hpp"
#include "net/http2_server_stream.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"
#include "net/server_connection.hpp"

namespace pixell::net {
namespace {

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
