#include "net/http1_client.hpp"

namespace pixell::net {

bool Http1ClientStream::send_data(std::string_view bytes) {
  if (connection_ == nullptr || is_request_over_) return true;  // nobody waits for it any more
  if (bytes.empty()) return true;
  Http1Client& connection = *connection_;
  if (is_head_open_) connection.end_head(*this, {BodyKind::Chunked, 0});
  SocketWriter& socket = connection.writer_;
  if (!writer_.add(socket, bytes)) {
    // Longer than announced: the rest would be read as the next request.
    connection.abort_later(AbortReason::ProtocolError);
  }
  connection.schedule();
  if (socket.queued() <= kSendHighWater) return true;
  if (handler_ == nullptr) {
    // Nobody can be told when to go on.
    connection.abort(AbortReason::Timeout);
    return true;
  }
  is_blocked_ = true;
  return false;
}

void Http1ClientStream::finish(const Headers& trailers) {
  if (is_request_over_) return;
  is_request_over_ = true;
  if (is_kept_) return owner_.release_stream(*this);
  if (connection_ == nullptr) return;
  Http1Client& connection = *connection_;
  if (is_head_open_) {
    connection.end_head(*this, {may_have_no_body_ ? BodyKind::None : BodyKind::Length, 0});
  }
  if (!writer_.finish(connection.writer_, trailers)) {
    // Shorter than announced: the server would wait for the rest for ever.
    connection.abort_later(AbortReason::ProtocolError);
    return;
  }
  connection.on_request_over();
}

void Http1ClientStream::resume() {
  is_paused_ = false;
  if (connection_ != nullptr) connection_->schedule();
}

void Http1ClientStream::reset(ResetCode) {
  if (is_kept_) return owner_.release_stream(*this);
  if (connection_ == nullptr) return;
  Http1Client& connection = *connection_;
  connection.loop_.delete_later(connection.detach_stream());
  connection.close();
}

bool Http1ClientStream::request_started() const {
  if (connection_ == nullptr) return has_started_;
  return connection_->writer_.total_sent() > sent_before_;
}

}  // namespace pixell::net
