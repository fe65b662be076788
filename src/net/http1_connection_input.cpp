#include <cerrno>
#include <memory>
#include <utility>

#include "net/http1_connection.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"

// What a connection of the server reads: bytes of the socket become heads, bodies and ends of
// requests.

namespace pixell::net {

bool Http1Connection::wants_input() const {
  if (writer_.is_broken()) return false;
  switch (phase_) {
    // A client that pipelines but does not read its replies has to wait.
    case Phase::Head:
      return writer_.queued() <= kSendLowWater;
    case Phase::Body:
      return !exchange_->is_paused_ && !exchange_->holds_end_;
    case Phase::Tunnel:
      return !exchange_->is_paused_ && !exchange_->is_request_over_;
    case Phase::Linger:
      return true;
    case Phase::Reply:
    case Phase::Closed:
      return false;
  }
  return false;
}

void Http1Connection::read_input() {
  for (int reads = 0;;) {
    if (phase_ == Phase::Body && exchange_->holds_end_ && exchange_->is_head_sent_) {
      exchange_->holds_end_ = false;
      end_request({});
    }
    if (!wants_input()) return;
    std::string held;
    std::string_view bytes;
    if (!input_.empty()) {
      held.swap(input_);
      bytes = held;
    } else if (!is_readable_) {
      return;
    } else if (++reads > kMaxReadsPerTurn) {
      // The others have their turn.
      work_timer_ = context_.loop.after(Millis(0), [this] { work(); });
      return;
    } else if (!receive(bytes)) {
      return;
    }
    consume(bytes);
    if (phase_ != Phase::Closed && !bytes.empty()) input_.assign(bytes);
  }
}

// Reads once. False when nothing came.
bool Http1Connection::receive(std::string_view& bytes) {
  char* scratch = context_.loop.scratch();
  const ssize_t n = socket_.read(scratch, EventLoop::kScratchBytes);
  if (n < 0) {
    is_readable_ = false;
    if (errno != EAGAIN && errno != EWOULDBLOCK) cut(AbortReason::PeerClosed);
    return false;
  }
  if (n == 0) {
    is_readable_ = false;
    take_eof();
    return false;
  }
  // A short read emptied the socket: epoll tells when there is more. Only the end of the stream,
  // once announced, is not announced again.
  if (std::size_t(n) < EventLoop::kScratchBytes && !is_eof_near_ && !socket_.holds_unread())
    is_readable_ = false;
  total_read_ += std::uint64_t(n);
  bytes = std::string_view(scratch, std::size_t(n));
  return true;
}

void Http1Connection::consume(std::string_view& bytes) {
  while (!bytes.empty() && wants_input()) {
    switch (phase_) {
      case Phase::Head:
        take_head(bytes);
        break;
      case Phase::Body:
        take_body(bytes);
        break;
      case Phase::Tunnel:
        take_tunnel(bytes);
        break;
      case Phase::Linger:
        lingered_ += bytes.size();
        bytes = {};
        if (lingered_ > kMaxLingerBytes) close();
        break;
      case Phase::Reply:
      case Phase::Closed:
        return;
    }
  }
}

void Http1Connection::take_head(std::string_view& bytes) {
  const bool was_partial = collector_.is_partial();
  switch (collector_.feed(bytes)) {
    case HeadCollector::State::NeedMore:
      if (!was_partial && collector_.is_partial()) deadline_.set(context_.options.head_timeout);
      return;
    case HeadCollector::State::Failed:
      refuse(collector_.error());
      return;
    case HeadCollector::State::Complete:
      break;
  }
  begin_exchange();
  if (phase_ != Phase::Body || exchange_->holds_end_) return;
  if (exchange_->decoder_.needs_no_more() || !exchange_->is_paused_) take_body(bytes);
  if (phase_ != Phase::Body) return;
  if (exchange_->awaits_continue_ && !exchange_->is_paused_ && !exchange_->is_head_sent_) {
    send_continue();
  }
}

void Http1Connection::begin_exchange() {
  auto owned = std::make_unique<Http1Exchange>(*this, context_.peer, take_spare_request());
  Http1Exchange& exchange = *owned;
  if (const auto error = parse_request_head(collector_.head(), *exchange.request_)) {
    refuse(*error);
    return;
  }
  if (context_.peer.is_encrypted) exchange.request_->head.scheme = "https";
  collector_.reset();
  exchange.decoder_.start(exchange.request_->body);
  exchange.awaits_continue_ = exchange.request_->expects_continue;
  exchange.holds_end_ = exchange.request_->head.is_upgrade();
  keep_alive_ = exchange.request_->keep_alive;
  phase_ = Phase::Body;
  exchange_ = std::move(owned);
  deadline_.clear();
  watches_body_ = false;
  context_.owner.stream_opened();
  auto handler = context_.service.on_request(exchange);
  if (handler == nullptr) handler = ignore_body();
  // When the exchange is over already (reset, close_now) it still owns the handler, to the end of
  // the turn.
  exchange.handler_ = std::move(handler);
  if (exchange.is_cut_) exchange.handler_->on_abort(AbortReason::Shutdown);
}

void Http1Connection::take_body(std::string_view& bytes) {
  Http1Exchange& exchange = *exchange_;
  for (;;) {
    std::string_view data;
    switch (exchange.decoder_.decode(bytes, data)) {
      case BodyDecoder::State::NeedMore:
        return;
      case BodyDecoder::State::End:
        end_request(exchange.decoder_.trailers());
        return;
      case BodyDecoder::State::Failed:
        if (exchange.is_head_sent_) {
          cut(AbortReason::ProtocolError);
        } else {
          detach_exchange();
          refuse(exchange.decoder_.error());
          exchange.handler_->on_abort(AbortReason::ProtocolError);
        }
        bytes = {};
        return;
      case BodyDecoder::State::Data:
        break;
    }
    exchange.awaits_continue_ = false;
    if (exchange.is_reply_over_) {
      exchange.drained_ += data.size();
      if (exchange.drained_ > kMaxDrainBytes) {
        stop_reading_body();
        return;
      }
    }
    exchange.handler_->on_data(data);
    if (exchange_.get() != &exchange) return;
    // A pause does not hold the end of a complete body back.
    if (exchange.is_paused_ && !exchange.decoder_.needs_no_more()) return;
  }
}

void Http1Connection::take_tunnel(std::string_view& bytes) {
  exchange_->handler_->on_data(std::exchange(bytes, {}));
}

void Http1Connection::take_eof() {
  is_eof_ = true;
  switch (phase_) {
    case Phase::Head:
      if (writer_.queued() == 0) return close();
      return begin_linger(false);
    case Phase::Body:
      return cut(AbortReason::PeerClosed);
    case Phase::Tunnel:
      return end_request({});
    case Phase::Linger:
    case Phase::Reply:
    case Phase::Closed:
      return;
  }
}

}  // namespace pixell::net
