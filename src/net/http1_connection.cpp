#include "net/http1_connection.hpp"

#include <sys/epoll.h>

#include <utility>

#include "base/log.hpp"
#include "net/reply.hpp"

namespace pixell::net {

namespace {

// Rounds of one work() before the other connections have their turn.
constexpr int kMaxPasses = 8;

}  // namespace

Http1Connection::Http1Connection(ServerConnectionContext context, Socket socket)
    : context_(std::move(context)),
      socket_(std::move(socket)),
      writer_(context_.loop, socket_, true),
      deadline_(context_.loop, [this] { on_deadline(); }) {}

Http1Connection::~Http1Connection() {
  if (socket_) context_.loop.remove(socket_.fd());
}

void Http1Connection::start(std::string first_bytes) {
  input_ = std::move(first_bytes);
  if (!(context_.peer.is_plain_local() ? context_.loop.add_local(socket_.fd(), *this)
                                       : context_.loop.add(socket_.fd(), *this))) {
    close();
    return;
  }
  deadline_.set(context_.options.head_timeout);
  is_readable_ = socket_.holds_unread();
  // The first event, which comes at once, also tells whether the peer has shut its side already.
}

void Http1Connection::drain(IdleConnections idle) {
  is_draining_ = true;
  closes_idle_ = idle == IdleConnections::Close;
  // A request may lie in the socket unseen; one more look, then an idle connection closes.
  if (phase_ == Phase::Head && input_.empty()) is_readable_ = true;
  schedule();
}

void Http1Connection::close_now() { cut(AbortReason::Shutdown); }

void Http1Connection::on_ready(std::uint32_t events) {
  events = socket_.absorb(events);
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) is_readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0 && !std::exchange(is_eof_near_, true)) {
    if (phase_ == Phase::Reply && has_shut_while_waiting()) {
      left_timer_ = context_.loop.after(kHalfCloseGrace, [this] {
        if (phase_ == Phase::Reply) cut(AbortReason::PeerClosed);
      });
    }
  }
  if ((events & EPOLLOUT) != 0) writer_.set_writable(true);
  if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && phase_ != Phase::Tunnel)) {
    is_hung_up_ = true;
  }
  work();
}

// A client that shuts its side while it waits for a reply is most often gone (TCP does not tell),
// so that the work for it can stop. One that shuts it together with its request, or after pipelined
// ones, waits for all of its replies; one that shuts it right behind gets what is ready soon.
bool Http1Connection::has_shut_while_waiting() { return input_.empty() && socket_.is_at_end(); }

void Http1Connection::schedule() {
  needs_work_ = true;
  if (is_working_ || work_timer_.is_set() || phase_ == Phase::Closed) return;
  work_timer_ = context_.loop.after(Millis(0), [this] { work(); });
}

void Http1Connection::work() {
  work_timer_.cancel();
  is_working_ = true;
  for (int passes = 0; passes < kMaxPasses && phase_ != Phase::Closed; ++passes) {
    if (is_hung_up_) {
      cut(AbortReason::PeerClosed);
      break;
    }
    writer_.flush();
    read_input();
    needs_work_ = false;  // settle() does what the handlers asked for meanwhile
    settle();
    if (!needs_work_) break;
  }
  is_working_ = false;
  if (needs_work_) schedule();
}

void Http1Connection::end_request(const Headers& trailers) {
  Http1Exchange& exchange = *exchange_;
  exchange.is_request_over_ = true;
  if (phase_ == Phase::Body) phase_ = Phase::Reply;
  exchange.handler_->on_end(trailers);
  if (exchange_.get() == &exchange && exchange.is_reply_over_) end_exchange();
}

void Http1Connection::on_reply_over() {
  writer_.flush();
  resets_on_close_ = false;
  if (exchange_->is_request_over_) {
    end_exchange();
    return;
  }
  if (phase_ == Phase::Body) deadline_.set(kDrainTimeout);
  schedule();
}

Http1Exchange& Http1Connection::detach_exchange() {
  Http1Exchange& exchange = *exchange_;
  exchange.connection_ = nullptr;
  context_.loop.delete_later(std::move(exchange_));
  context_.owner.stream_closed();
  return exchange;
}

void Http1Connection::end_exchange() {
  detach_exchange();
  if (!keep_alive_) {
    begin_linger(is_readable_ || !input_.empty());
    return;
  }
  phase_ = Phase::Head;
  deadline_.set(context_.options.idle_timeout);
  if (is_readable_ || closes_idle_ || !input_.empty()) schedule();
}

// The reply is out, and the client goes on sending what nobody reads.
void Http1Connection::stop_reading_body() {
  Http1Exchange& exchange = detach_exchange();
  begin_linger(true);
  exchange.handler_->on_abort(AbortReason::Shutdown);
}

void Http1Connection::send_continue() {
  exchange_->awaits_continue_ = false;
  writer_.queue() += "HTTP/1.1 100 Continue\r\n\r\n";
  schedule();
}

// What is left to do after reading, also for calls that came from elsewhere.
void Http1Connection::settle() {
  if (exchange_ != nullptr && exchange_->is_blocked_ && writer_.queued() < kSendLowWater &&
      (!exchange_->awaits_socket_ || writer_.is_writable()) && !exchange_->is_reply_over_) {
    exchange_->is_blocked_ = exchange_->awaits_socket_ = false;
    exchange_->handler_->on_writable();
  }
  if (phase_ == Phase::Body && exchange_->is_reply_over_ && !exchange_->holds_end_ &&
      (!keep_alive_ || exchange_->awaits_continue_)) {
    stop_reading_body();
  }
  if (phase_ == Phase::Closed) return;
  writer_.flush();
  if (writer_.is_broken()) return cut(AbortReason::PeerClosed);
  const bool has_input = is_readable_ || !input_.empty();
  if (has_input && wants_input() && !work_timer_.is_set()) needs_work_ = true;
  if (is_sending()) return watch_reader();
  watch_body();
  const bool is_idle = phase_ == Phase::Head && !collector_.is_partial() && !has_input;
  if (is_idle && closes_idle_) return close();
  if (phase_ == Phase::Linger && (is_eof_ || !may_have_unread_)) return close();
  const bool ends_tunnel = phase_ == Phase::Tunnel && exchange_->is_reply_over_;
  if (!is_shut_ && (phase_ == Phase::Linger || ends_tunnel)) {
    is_shut_ = true;
    socket_.shutdown_write();
    if (phase_ == Phase::Linger) deadline_.set(kLingerTimeout);
  }
}

bool Http1Connection::is_sending() const {
  return writer_.queued() > 0 || (exchange_ != nullptr && exchange_->awaits_socket_);
}

// Something waits for a client that does not read; one that never does is cut.
void Http1Connection::watch_reader() {
  const bool is_in_exchange =
      phase_ == Phase::Body || phase_ == Phase::Reply || phase_ == Phase::Tunnel;
  if (!is_in_exchange || (deadline_.is_set() && !watches_body_)) return;
  watches_body_ = false;
  sent_mark_ = writer_.total_sent();
  deadline_.set(context_.options.send_stall_timeout);
}

// The client has not sent all of its request, nobody holds it back, and nothing was answered yet.
bool Http1Connection::owes_body() const {
  return phase_ == Phase::Body && !exchange_->is_paused_ && !exchange_->holds_end_ &&
         !exchange_->is_head_sent_;
}

void Http1Connection::watch_body() {
  if (!owes_body() || deadline_.is_set()) return;
  watches_body_ = true;
  read_mark_ = total_read_;
  deadline_.set(context_.options.body_stall_timeout);
}

void Http1Connection::refuse_body() {
  Http1Exchange& exchange = detach_exchange();
  refuse({408, "the request body took too long"});
  exchange.handler_->on_abort(AbortReason::Timeout);
}

void Http1Connection::refuse(Http1Error error) {
  const std::string body = problem_body(error.status, error.message);
  ResponseHead head{.status = error.status, .headers = {}};
  head.headers.add("Content-Type", kProblemType);
  head.headers.add("Content-Length", std::to_string(body.size()));
  append_reply_head(writer_.queue(), head, {.keep_alive = false});
  writer_.queue() += body;
  collector_.reset();
  begin_linger(true);
}

void Http1Connection::begin_linger(bool may_have_unread) {
  phase_ = Phase::Linger;
  keep_alive_ = false;
  may_have_unread_ = may_have_unread;
  input_.clear();
  deadline_.set(context_.options.idle_timeout);
  schedule();
}

void Http1Connection::cut(AbortReason reason) {
  if (phase_ == Phase::Closed) return;
  Http1Exchange* exchange = exchange_ == nullptr ? nullptr : &detach_exchange();
  close();
  if (exchange == nullptr) return;
  if (exchange->handler_ == nullptr) {
    exchange->is_cut_ = true;
  } else {
    exchange->handler_->on_abort(reason);
  }
}

void Http1Connection::close() {
  if (phase_ == Phase::Closed) return;
  phase_ = Phase::Closed;
  work_timer_.cancel();
  left_timer_.cancel();
  deadline_.cancel();
  context_.loop.remove(socket_.fd());
  if (resets_on_close_)
    socket_.close_with_reset();
  else
    socket_.close();
  context_.owner.connection_closed(*this);
}

bool Http1Connection::made_progress() {
  const std::uint64_t mark = total_read_ + writer_.total_sent();
  return std::exchange(progress_mark_, mark) != mark;
}

void Http1Connection::on_deadline() {
  switch (phase_) {
    case Phase::Head:
      if (collector_.is_partial()) return refuse({408, "the request head took too long"});
      [[fallthrough]];
    case Phase::Linger:
      // A reply may be on its way still to a slow reader.
      if (writer_.queued() == 0 || !made_progress()) return close();
      return deadline_.set(context_.options.idle_timeout);
    case Phase::Body:
      if (exchange_->is_reply_over_ && !exchange_->holds_end_) return stop_reading_body();
      [[fallthrough]];
    case Phase::Reply:
    case Phase::Tunnel:
      return on_exchange_deadline();
    case Phase::Closed:
      return;
  }
}

void Http1Connection::on_exchange_deadline() {
  if (std::exchange(watches_body_, false)) {
    if (owes_body() && total_read_ == read_mark_) return refuse_body();
  } else if (is_sending() && writer_.total_sent() == sent_mark_) {
    return cut(AbortReason::Timeout);
  }
  is_sending() ? watch_reader() : watch_body();
}

std::unique_ptr<ServerConnection> make_http1_connection(ServerConnectionContext context,
                                                        Socket socket) {
  return std::make_unique<Http1Connection>(std::move(context), std::move(socket));
}

}  // namespace pixell::net
