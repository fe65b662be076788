#include "net/http1_client.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <utility>

#include "base/check.hpp"
#include "net/upstream.hpp"

namespace pixell::net {

namespace {

constexpr int kMaxPasses = 8;
// A Unix listener with a full backlog takes nobody in; there is no event for when it does again.
constexpr Millis kConnectRetry{5};

bool is_good_request(const OutgoingHead& head) {
  return is_token(head.method) && is_target(head.target) &&
         (head.authority.empty() || is_target(head.authority));
}

}  // namespace

Http1Client::Http1Client(EventLoop& loop, Http1ClientOwner& owner,
                         std::shared_ptr<Upstream> upstream, ClientOptions options)
    : loop_(loop), owner_(owner), upstream_(std::move(upstream)), options_(options) {}

Http1Client::~Http1Client() {
  if (socket_) loop_.remove(socket_.fd());
}

ClientStream& Http1Client::open(const OutgoingHead& head, ClientHandler& handler) {
  CHECK(stream_ == nullptr && (phase_ == Phase::New || phase_ == Phase::Idle),
        "the pool gives out idle connections only");
  is_reused_ = phase_ == Phase::Idle;
  has_reply_bytes_ = false;
  collector_.reset();
  stream_ = std::make_unique<Http1ClientStream>(*this, owner_, handler);
  Http1ClientStream& stream = *stream_;
  stream.sent_before_ = writer_.total_sent();
  stream.is_reused_ = is_reused_;
  if (!is_good_request(head)) {
    // HTTP/2 can carry what an HTTP/1 line cannot.
    phase_ = Phase::Head;
    abort_later(AbortReason::ProtocolError);
    return stream;
  }
  stream.is_head_request_ = head.method == "HEAD";
  stream.may_have_no_body_ = head.method == "GET" || head.method == "HEAD" ||
                             head.method == "DELETE" || head.method == "OPTIONS";
  stream.is_upgrade_ = head.is_upgrade;
  const auto framing = append_request_head(writer_.queue(), head);
  stream.is_head_open_ = true;
  if (framing) end_head(stream, *framing);
  if (is_reused_) {
    phase_ = Phase::Head;
  } else {
    connect();
  }
  schedule();
  return stream;
}

void Http1Client::connect() {
  if (phase_ == Phase::New) {
    phase_ = Phase::Connecting;
    deadline_ = loop_.after(options_.connect_timeout, [this] { abort(AbortReason::Timeout); });
  }
  auto socket = start_connect(*upstream_, options_.unix_user);
  if (!socket && socket.error().retry == Retry::Later) {
    connect_retry_ = loop_.after(kConnectRetry, [this] { connect(); });
    return;
  }
  // A Unix connection stands at once, so that the request leaves in this turn.
  const bool stands = upstream_->is_local();
  if (socket &&
      (stands ? loop_.add_local(socket->get(), *this) : loop_.add(socket->get(), *this))) {
    socket_ = Socket(std::move(*socket));
    writer_.set_writable(stands);
    if (!stands) return;
    phase_ = Phase::Head;
    deadline_.cancel();
    return;
  }
  abort_later(AbortReason::Refused);
}

void Http1Client::finish_connect() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == EINPROGRESS || error == EALREADY) return;
  if (error != 0) {
    return abort(error == ETIMEDOUT ? AbortReason::Timeout : AbortReason::Refused);
  }
  phase_ = Phase::Head;
  deadline_.cancel();
}

void Http1Client::on_ready(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) is_readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) is_eof_near_ = true;
  if (phase_ == Phase::Connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    finish_connect();
  }
  if ((events & EPOLLOUT) != 0) writer_.set_writable(true);
  work();
}

void Http1Client::schedule() {
  needs_work_ = true;
  if (is_working_ || work_timer_.is_set() || phase_ == Phase::Closed) return;
  work_timer_ = loop_.after(Millis(0), [this] { on_turn_end(); });
}

void Http1Client::on_turn_end() {
  // No finish() came in the turn of open(): a body follows.
  if (stream_ != nullptr && stream_->is_head_open_) end_head(*stream_, {BodyKind::Chunked, 0});
  work();
}

void Http1Client::work() {
  work_timer_.cancel();
  is_working_ = true;
  for (int passes = 0; passes < kMaxPasses && phase_ != Phase::Closed; ++passes) {
    if (phase_ == Phase::Connecting) break;
    if (stream_ == nullptr || !stream_->is_head_open_) writer_.flush();
    read_input();
    needs_work_ = false;
    settle();
    if (!needs_work_) break;
  }
  is_working_ = false;
  // The timer was cancelled above; on_turn_end() still has to end an open head.
  const bool has_open_head =
      phase_ != Phase::Closed && stream_ != nullptr && stream_->is_head_open_;
  if (has_open_head || (needs_work_ && phase_ != Phase::Connecting)) schedule();
}

void Http1Client::settle() {
  if (phase_ == Phase::Closed) return;
  if (stream_ == nullptr || !stream_->is_head_open_) writer_.flush();
  if (writer_.is_broken()) {
    // What the peer said before it left is read first; its end then ends the exchange.
    if (phase_ == Phase::Flush || phase_ == Phase::Idle) return close();
    if (phase_ == Phase::Tunnel && stream_->handler_ == nullptr)
      return abort(AbortReason::PeerClosed);
    if (!is_eof_near_) {
      is_eof_near_ = is_readable_ = true;
      needs_work_ = true;
    }
    return;
  }
  if (stream_ != nullptr && stream_->is_blocked_ && writer_.queued() < kSendLowWater &&
      !stream_->is_request_over_ && stream_->handler_ != nullptr) {
    stream_->is_blocked_ = false;
    stream_->handler_->on_writable();
  }
  const bool has_input = is_readable_ || !input_.empty();
  if (has_input && wants_input() && !work_timer_.is_set()) needs_work_ = true;
  if (phase_ == Phase::Closed || writer_.queued() > 0) return;
  if (phase_ == Phase::Flush) return close();
  if (phase_ == Phase::Tunnel && stream_->is_request_over_ && !is_shut_) {
    is_shut_ = true;
    socket_.shutdown_write();
  }
}

void Http1Client::end_head(Http1ClientStream& stream, BodyFraming framing) {
  stream.is_head_open_ = false;
  append_request_end(writer_.queue(), framing);
  stream.writer_.start(framing);
}

void Http1Client::on_request_over() {
  if (phase_ == Phase::Tunnel && stream_->handler_ == nullptr) {
    // Both directions are over: what is queued still leaves.
    loop_.delete_later(detach_stream());
    phase_ = Phase::Flush;
    deadline_ = loop_.after(kLingerTimeout, [this] { close(); });
  } else if (phase_ != Phase::Connecting) {
    writer_.flush();
  }
  if (writer_.queued() > 0 || writer_.is_broken() || phase_ == Phase::Tunnel ||
      phase_ == Phase::Flush) {
    schedule();
  }
}

std::unique_ptr<Http1ClientStream> Http1Client::detach_stream() {
  stream_->has_started_ = writer_.total_sent() > stream_->sent_before_;
  stream_->connection_ = nullptr;
  stream_->handler_ = nullptr;
  return std::move(stream_);
}

void Http1Client::end_response(bool has_more_bytes, const Headers& trailers) {
  ClientHandler& handler = *stream_->handler_;
  const bool is_request_sent =
      (stream_->is_request_over_ || stream_->is_upgrade_) && writer_.queued() == 0;
  const bool is_reusable = response_.keep_alive && is_request_sent && !has_more_bytes &&
                           !is_eof_near_ && !is_readable_ && !writer_.is_broken();
  auto stream = detach_stream();
  // `trailers` lives in the stream, which lives to the end of the turn at least.
  if (stream->is_request_over_) {
    loop_.delete_later(std::move(stream));
  } else {
    stream->is_kept_ = true;
    owner_.keep_stream(std::move(stream));
  }
  if (is_reusable) {
    phase_ = Phase::Idle;
    idle_since_ = loop_.now();
    owner_.connection_idle(*this);
  } else {
    close();
  }
  handler.on_end(trailers);
}

// The peer sends no more through the tunnel; the caller may.
void Http1Client::end_tunnel_input() {
  Http1ClientStream& stream = *stream_;
  ClientHandler& handler = *std::exchange(stream.handler_, nullptr);
  if (stream.is_request_over_) on_request_over();
  handler.on_end({});
}

void Http1Client::abort(AbortReason reason) {
  if (phase_ == Phase::Closed) return;
  ClientHandler* handler = nullptr;
  if (stream_ != nullptr) {
    handler = stream_->handler_;
    auto stream = detach_stream();
    if (handler != nullptr) {
      loop_.delete_later(std::move(stream));
    } else {
      // A tunnel whose caller got its on_end: it will still finish() or reset().
      stream->is_kept_ = true;
      owner_.keep_stream(std::move(stream));
    }
  }
  close();
  if (handler != nullptr) handler->on_abort(reason);
}

void Http1Client::abort_later(AbortReason reason) {
  abort_timer_ = loop_.after(Millis(0), [this, reason] { abort(reason); });
}

void Http1Client::close() {
  if (phase_ == Phase::Closed) return;
  abandon();
  owner_.connection_closed(*this);
}

void Http1Client::abandon() {
  phase_ = Phase::Closed;
  if (stream_ != nullptr) loop_.delete_later(detach_stream());
  work_timer_.cancel();
  connect_retry_.cancel();
  abort_timer_.cancel();
  deadline_.cancel();
  if (socket_) loop_.remove(socket_.fd());
  socket_.close();
}

}  // namespace pixell::net
