#include <cerrno>
#include <utility>

#include "net/http1_client.hpp"
#include "net/limits.hpp"

// What a connection of the client reads: bytes of the socket become heads, bodies and ends of
// answers.

namespace pixell::net {

bool Http1Client::wants_input() const {
  switch (phase_) {
    case Phase::Idle:
    case Phase::Head:
      return true;
    case Phase::Body:
      return !stream_->is_paused_;
    case Phase::Tunnel:
      return stream_->handler_ != nullptr && !stream_->is_paused_;
    case Phase::New:
    case Phase::Connecting:
    case Phase::Flush:
    case Phase::Closed:
      return false;
  }
  return false;
}

void Http1Client::read_input() {
  for (int reads = 0; wants_input();) {
    std::string held;
    std::string_view bytes;
    if (!input_.empty()) {
      held.swap(input_);
      bytes = held;
    } else if (!is_readable_) {
      return;
    } else if (++reads > kMaxReadsPerTurn) {
      work_timer_ = loop_.after(Millis(0), [this] { on_turn_end(); });
      return;
    } else if (!receive(bytes)) {
      return;
    }
    consume(bytes);
    if (!bytes.empty() && phase_ != Phase::Closed) input_.assign(bytes);
  }
}

bool Http1Client::receive(std::string_view& bytes) {
  const ssize_t n = socket_.read(loop_.scratch(), EventLoop::kScratchBytes);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    is_readable_ = false;
    return false;
  }
  if (n <= 0) {
    is_readable_ = false;
    // A reset is no proper end, not even for a body that ends with the connection.
    if (n < 0 && phase_ == Phase::Body) {
      abort(AbortReason::PeerClosed);
    } else {
      take_eof();
    }
    return false;
  }
  if (std::size_t(n) < EventLoop::kScratchBytes && !is_eof_near_) is_readable_ = false;
  bytes = std::string_view(loop_.scratch(), std::size_t(n));
  return true;
}

void Http1Client::consume(std::string_view& bytes) {
  while (!bytes.empty() && wants_input()) {
    switch (phase_) {
      case Phase::Head:
        take_head(bytes);
        break;
      case Phase::Body:
        take_body(bytes);
        break;
      case Phase::Tunnel:
        stream_->handler_->on_data(std::exchange(bytes, {}));
        break;
      case Phase::Idle:
        return close();  // an answer nobody asked for
      default:
        return;
    }
  }
}

void Http1Client::take_head(std::string_view& bytes) {
  has_reply_bytes_ = true;
  switch (collector_.feed(bytes)) {
    case HeadCollector::State::NeedMore:
      return;
    case HeadCollector::State::Failed:
      return abort(collector_.error().status == 431 ? AbortReason::TooLarge
                                                    : AbortReason::ProtocolError);
    case HeadCollector::State::Complete:
      break;
  }
  Http1ClientStream& stream = *stream_;
  const std::string_view method = stream.is_head_request_ ? "HEAD" : "GET";
  const auto error = parse_response_head(collector_.head(), method, response_);
  collector_.reset();
  const int status = response_.head.status;
  if (error) {
    return abort(error->status == 431 ? AbortReason::TooLarge : AbortReason::ProtocolError);
  }
  if (status == 101) {
    if (!stream.is_upgrade_) return abort(AbortReason::ProtocolError);
    phase_ = Phase::Tunnel;
    stream.writer_.start({BodyKind::UntilClose, 0});
    return stream.handler_->on_head(response_.head);
  }
  if (status < 200) return stream.handler_->on_informational(response_.head);
  phase_ = Phase::Body;
  stream.decoder_.start(response_.body);
  stream.handler_->on_head(response_.head);
  const bool is_here = stream_.get() == &stream && phase_ == Phase::Body;
  if (is_here && (stream.decoder_.needs_no_more() || !stream.is_paused_)) take_body(bytes);
}

void Http1Client::take_body(std::string_view& bytes) {
  Http1ClientStream& stream = *stream_;
  for (;;) {
    std::string_view data;
    switch (stream.decoder_.decode(bytes, data)) {
      case BodyDecoder::State::NeedMore:
        return;
      case BodyDecoder::State::Failed:
        bytes = {};
        return abort(AbortReason::ProtocolError);
      case BodyDecoder::State::End: {
        const bool has_more_bytes = !bytes.empty();
        bytes = {};
        return end_response(has_more_bytes, stream.decoder_.trailers());
      }
      case BodyDecoder::State::Data:
        break;
    }
    stream.handler_->on_data(data);
    if (stream_.get() != &stream) return;
    if (stream.is_paused_ && !stream.decoder_.needs_no_more()) return;
  }
}

void Http1Client::take_eof() {
  switch (phase_) {
    case Phase::Idle:
      return close();
    case Phase::Head:
      return abort(is_reused_ && !has_reply_bytes_ ? AbortReason::UnusedClosed
                                                   : AbortReason::PeerClosed);
    case Phase::Body:
      if (!stream_->decoder_.is_complete_at_close()) return abort(AbortReason::PeerClosed);
      return end_response(true, {});
    case Phase::Tunnel:
      return end_tunnel_input();
    default:
      return;
  }
}

}  // namespace pixell::net
