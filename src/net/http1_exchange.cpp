#include <cerrno>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "net/http1_connection.hpp"

namespace pixell::net {

namespace {

// Heads of exchanges that are over: their buffers are for the next ones of this thread's loop.
constexpr std::size_t kMaxSpareRequests = 64;
constexpr std::size_t kMaxSpareTextBytes = 8 * 1024;
thread_local std::vector<std::unique_ptr<Http1Request>> spare_requests;

}  // namespace

std::unique_ptr<Http1Request> take_spare_request() {
  if (spare_requests.empty()) return std::make_unique<Http1Request>();
  auto request = std::move(spare_requests.back());
  spare_requests.pop_back();
  return request;
}

Http1Exchange::~Http1Exchange() {
  handler_.reset();  // it may look at the request
  if (spare_requests.size() >= kMaxSpareRequests ||
      request_->head.headers.text_capacity() + request_->head.target.capacity() >
          kMaxSpareTextBytes)
    return;
  spare_requests.push_back(std::move(request_));
}

void Http1Exchange::send_informational(const ResponseHead& head) {
  if (connection_ == nullptr || is_head_sent_ || request_->is_http10) return;
  if (head.status < 100 || head.status > 199 || head.status == 101) return;
  if (head.status == 100) awaits_continue_ = false;
  append_reply_head(connection_->writer_.queue(), head, {});
  connection_->schedule();
}

void Http1Exchange::send_head(const ResponseHead& head, bool ends) {
  if (connection_ == nullptr || is_head_sent_) return;
  if (head.status < 200 && head.status != 101) return send_informational(head);
  if (head.status == 101 && !holds_end_) {
    // The client did not ask for a switch, so it would read the tunnel as replies.
    return send_head({.status = 502, .headers = {}}, true);
  }
  Http1Connection& connection = *connection_;
  is_head_sent_ = true;
  // A client that was never told to go on may send its body or not: the next request could not be
  // told from it.
  const bool keep_alive = connection.keep_alive_ && !connection.is_draining_ && !awaits_continue_;
  const BodyFraming framing = append_reply_head(connection.writer_.queue(), head,
                                                {.is_http10 = request_->is_http10,
                                                 .is_head_request = request_->head.method == "HEAD",
                                                 .keep_alive = keep_alive,
                                                 .ends = ends});
  writer_.start(framing);
  connection.keep_alive_ = keep_alive && framing.kind != BodyKind::UntilClose;
  connection.resets_on_close_ = framing.kind == BodyKind::UntilClose;
  if (head.status == 101) {
    holds_end_ = false;
    connection.phase_ = Http1Connection::Phase::Tunnel;
    connection.context_.owner.connection_upgraded(connection);
  }
  if (ends && head.status != 101) {
    is_reply_over_ = true;
    connection.on_reply_over();
  } else {
    connection.schedule();
  }
}

bool Http1Exchange::send_data(std::string_view bytes) {
  if (connection_ == nullptr || is_reply_over_) return false;
  CHECK(is_head_sent_, "a reply starts with its head");
  SocketWriter& socket = connection_->writer_;
  // More than was announced is left out: it would be read as the next reply.
  writer_.add(socket, bytes);
  if (socket.queued() > 0 || socket.is_broken()) connection_->schedule();
  if (socket.queued() <= kSendHighWater) return true;
  is_blocked_ = true;
  return false;
}

ssize_t Http1Exchange::send_file(int file, std::int64_t offset, std::size_t length) {
  if (connection_ == nullptr || is_reply_over_) {
    errno = EAGAIN;
    return -1;
  }
  CHECK(is_head_sent_, "a reply starts with its head");
  const ssize_t sent = writer_.add_file(connection_->writer_, file, offset, length);
  const bool has_failed = sent == 0 || (sent < 0 && errno != EAGAIN);
  if (has_failed || sent == ssize_t(length)) return sent;
  is_blocked_ = awaits_socket_ = true;
  connection_->schedule();
  if (sent < 0) errno = EAGAIN;
  return sent;
}

void Http1Exchange::finish(const Headers& trailers) {
  if (connection_ == nullptr || is_reply_over_) return;
  CHECK(is_head_sent_, "a reply starts with its head");
  // A reply shorter than announced is only known as such when the connection ends.
  if (!writer_.finish(connection_->writer_, trailers)) connection_->keep_alive_ = false;
  is_reply_over_ = true;
  connection_->on_reply_over();
}

void Http1Exchange::resume() {
  is_paused_ = false;
  if (connection_ == nullptr) return;
  if (awaits_continue_ && !is_head_sent_) connection_->send_continue();
  connection_->schedule();
}

void Http1Exchange::reset(ResetCode) {
  if (connection_ == nullptr) return;
  Http1Connection& connection = *connection_;
  connection.detach_exchange();
  connection.close();
}

}  // namespace pixell::net
