#include "net/proxy_exchange.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "net/grpc.hpp"
#include "net/limits.hpp"

namespace pixell::net {

bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD",   "OPTIONS",
                                                               "PUT", "DELETE", "TRACE"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

namespace {

// Fields that Connection makes a matter of one hop, but for those that always are.
bool names_more_fields(const Headers& fields) {
  const auto connection = fields.get("connection");
  return connection && !equal_names(*connection, "close") &&
         !equal_names(*connection, "keep-alive") && !equal_names(*connection, "upgrade");
}

/// Passes everything on and remembers the status, so that the outcome knows what
/// on_upstream_failure sent.
class StatusProbe final : public ServerStream {
 public:
  StatusProbe(ServerStream& stream, ProxyOutcome& outcome) : stream_(stream), outcome_(outcome) {}
  bool send_data(std::string_view bytes) override {
    outcome_.bytes_out += bytes.size();
    return stream_.send_data(bytes);
  }
  void finish(const Headers& trailers) override { stream_.finish(trailers); }
  void pause() override { stream_.pause(); }
  void resume() override { stream_.resume(); }
  void reset(ResetCode code) override { stream_.reset(code); }
  const RequestHead& request() const override { return stream_.request(); }
  const PeerInfo& peer() const override { return stream_.peer(); }
  void send_informational(const ResponseHead& head) override { stream_.send_informational(head); }
  void send_head(const ResponseHead& head, bool ends) override {
    outcome_.status = head.status;
    stream_.send_head(head, ends);
  }
  bool head_sent() const override { return stream_.head_sent(); }

 private:
  ServerStream& stream_;
  ProxyOutcome& outcome_;
};

// How a gRPC call ends that is cut off behind the head of its reply.
Headers cut_trailers(AbortReason reason) {
  switch (reason) {
    case AbortReason::Timeout:
      return grpc_trailers(ErrorCode::DeadlineExceeded, "the call took longer than it may");
    case AbortReason::TooLarge:
      return grpc_trailers(ErrorCode::ResourceExhausted, "the request is longer than it may be");
    default:
      return grpc_trailers(ErrorCode::Unavailable, "the upstream broke off");
  }
}

}  // namespace

ProxyExchange::ProxyExchange(EventLoop& loop, HttpClient& client, ServerStream& front)
    : loop_(loop),
      client_(client),
      front_(&front),
      is_head_request_(front.request().method == "HEAD"),
      is_grpc_(front.request().is_grpc()),
      front_protocol_(front.request().protocol) {}

ProxyExchange::~ProxyExchange() { drop_back(ResetCode::Cancel); }

void ProxyExchange::leave() {
  if (front_ != nullptr) return client_gone(AbortReason::Shutdown);
  // All was said to the client; what the upstream still had to say does not count.
  drop_back(ResetCode::NoError);
  done();
}

void ProxyExchange::forward(std::shared_ptr<Upstream> upstream, Protocol protocol) {
  const RequestHead& request = front_->request();
  upstream_ = std::move(upstream);
  protocol_ = protocol;
  ++outcome_.tries;
  OutgoingHead head(request);
  Headers cleaned;
  if (!head.is_upgrade && (names_more_fields(request.headers) || request.headers.has("expect"))) {
    cleaned = request.headers;
    remove_hop_by_hop(cleaned);
    cleaned.remove("expect");  // the front has answered it, or will
    head.fields = &cleaned;
  }
  prepare(head);
  back_ = &client_.open(upstream_, protocol, head, back_side_);
  outcome_.is_reused = back_->is_reused();
  if (!replay_.empty()) {
    const bool takes_more = back_->send_data(replay_);
    if (replay_.size() > kReplayBytes) {
      is_replayable_ = false;
      std::string().swap(replay_);
    }
    if (takes_more && std::exchange(is_front_paused_, false)) front_->resume();
  }
  if (is_request_ended_ && back_ != nullptr) back_->finish(request_trailers_);
}

void ProxyExchange::limit(const ProxyLimits& limits) {
  max_request_bytes_ = limits.request_bytes;
  if (limits.time.any())
    deadline_ = std::make_unique<ExchangeDeadline>(
        loop_, limits.time, [this](ExchangeDeadline::Limit) { over_limit(AbortReason::Timeout); });
}

void ProxyExchange::passed() {
  if (deadline_ != nullptr) deadline_->progress(loop_.now());
}

void ProxyExchange::over_limit(AbortReason reason) {
  outcome_.is_over_limit = reason == AbortReason::TooLarge;
  drop_back(ResetCode::Cancel);
  fail(reason, true);
}

void ProxyExchange::keep_for_replay(std::string_view bytes) {
  if (!is_replayable_) return;
  if (replay_.size() + bytes.size() > kReplayBytes && back_ != nullptr) {
    is_replayable_ = false;
    std::string().swap(replay_);
    return;
  }
  replay_ += bytes;
}

void ProxyExchange::on_data(std::string_view bytes) {
  outcome_.bytes_in += bytes.size();
  passed();
  if (max_request_bytes_ > 0 && front_ != nullptr && !is_reply_ended_ &&
      outcome_.bytes_in > std::uint64_t(max_request_bytes_))
    return over_limit(AbortReason::TooLarge);
  if (tap_ != nullptr) tap_->request_data(bytes);
  if (is_holding()) {
    replay_ += bytes;
    if (replay_.size() < kReplayBytes || std::exchange(is_front_paused_, true)) return;
    return front_->pause();
  }
  if (back_ == nullptr) return;  // the reply is over: the rest of the request is dropped
  keep_for_replay(bytes);
  if (back_->send_data(bytes) || back_ == nullptr || front_ == nullptr) return;
  is_front_paused_ = true;
  front_->pause();
}

void ProxyExchange::on_end(const Headers& trailers) {
  is_request_ended_ = true;
  if (tap_ != nullptr) tap_->request_end(trailers);
  if (!trailers.empty() && (is_replayable_ || is_holding())) request_trailers_ = trailers;
  if (back_ != nullptr) {
    ClientStream& back = *back_;
    // An upstream that ended first is gone with our end of it.
    if (is_upstream_ended_) back_ = nullptr;
    back.finish(trailers);
  }
  if (is_reply_ended_) front_ = nullptr;
  if (is_upstream_ended_) done();
}

void ProxyExchange::on_writable() {
  if (back_ != nullptr) back_->resume();
}

void ProxyExchange::on_abort(AbortReason reason) { client_gone(reason); }

void ProxyExchange::client_gone(AbortReason reason) {
  if (std::exchange(front_, nullptr) == nullptr) return;
  if (!is_done_) {
    outcome_.client_gone = true;
    outcome_.reason = reason;
  }
  drop_back(ResetCode::Cancel);
  done();
}

void ProxyExchange::back_informational(const ResponseHead& head) {
  // The front answers Expect: 100-continue itself.
  if (front_ == nullptr || head.status == 100) return;
  passed();
  ResponseHead passed = head;
  remove_hop_by_hop(passed.headers);
  front_->send_informational(passed);
}

void ProxyExchange::back_head(ResponseHead& head) {
  if (front_ == nullptr) return;
  if (head.status == 101 && !front_->request().is_upgrade()) {
    drop_back(ResetCode::ProtocolError);
    fail(AbortReason::ProtocolError, true);
    return;
  }
  if (is_replayable_ && !accepts_reply(head)) {
    drop_back(ResetCode::Cancel);
    return on_try_failed(AbortReason::Refused, false);
  }
  is_replayable_ = false;
  if (!replay_.empty()) std::string().swap(replay_);
  is_tunnel_ = head.status == 101;
  // Those that always are a matter of one hop are left out when the head is written.
  if (!is_tunnel_ && names_more_fields(head.headers)) remove_hop_by_hop(head.headers);
  if (deadline_ != nullptr) deadline_->replied();
  passed();
  if (tap_ != nullptr) tap_->reply_head(head);
  on_reply_head(head);
  outcome_.status = head.status;
  outcome_.has_replied = true;
  if (is_grpc_) outcome_.grpc_status = grpc_status_of(head.headers);
  const bool ends = is_head_request_ || head.status == 204 || head.status == 304;
  front_->send_head(head, ends);
  if (!ends) return;
  is_reply_ended_ = true;
  if (is_request_ended_) front_ = nullptr;
}

void ProxyExchange::back_data(std::string_view bytes) {
  if (front_ == nullptr || is_reply_ended_) return;
  outcome_.bytes_out += bytes.size();
  passed();
  if (tap_ != nullptr) tap_->reply_data(bytes);
  if (!front_->send_data(bytes) && back_ != nullptr) back_->pause();
}

void ProxyExchange::back_end(const Headers& trailers) {
  is_upstream_ended_ = true;
  if (is_grpc_ && outcome_.grpc_status < 0) outcome_.grpc_status = grpc_status_of(trailers);
  finish_reply(trailers);
  // A tunnel stays open for the other direction; an upload nobody reads is not sent on.
  if (is_request_ended_) {
    back_ = nullptr;
  } else if (!is_tunnel_) {
    drop_back(ResetCode::NoError);
  } else {
    // Whoever closed a tunnel has said all; the other side gets the time to read and close as well.
    cut_tunnel_ = loop_.after(kDrainTimeout, [this] { end_tunnel(); });
    return;
  }
  done();
}

void ProxyExchange::end_tunnel() {
  drop_back(ResetCode::NoError);
  if (ServerStream* front = std::exchange(front_, nullptr)) front->reset(ResetCode::NoError);
  done();
}

void ProxyExchange::finish_reply(const Headers& trailers) {
  if (front_ == nullptr) return;
  ServerStream& front = *front_;
  if (!std::exchange(is_reply_ended_, true)) {
    if (is_request_ended_) front_ = nullptr;
    front.finish(trailers);
  }
  if (!is_request_ended_ && !is_tunnel_) drop_request(front);
}

void ProxyExchange::back_writable() {
  if (!std::exchange(is_front_paused_, false) || front_ == nullptr) return;
  front_->resume();
}

void ProxyExchange::back_abort(AbortReason reason) {
  const bool sent = back_ != nullptr && back_->request_started();
  back_ = nullptr;
  if (is_tunnel_ && is_upstream_ended_) {  // the other half of a tunnel has nowhere to go now
    end_tunnel();
    return;
  }
  if (front_ != nullptr && may_repeat(reason, sent)) return try_failed(reason, sent);
  fail(reason, sent);
}

void ProxyExchange::try_failed(AbortReason reason, bool sent) {
  was_sent_ = was_sent_ || sent;
  if (reason == AbortReason::UnusedClosed && unused_closed_ < kMaxUnusedTries) {
    // The others of the pool have probably died with it.
    if (++unused_closed_ > 1) client_.drop_idle(*upstream_);
    return forward(upstream_, protocol_);
  }
  on_try_failed(reason, sent);
}

bool ProxyExchange::may_repeat(AbortReason reason, bool sent) const {
  if (!is_replayable_ || is_reply_ended_ || front_->head_sent()) return false;
  if (reason == AbortReason::UnusedClosed || reason == AbortReason::PeerClosed)
    return !sent || is_idempotent(front_->request().method);
  return reason == AbortReason::Refused && !sent;
}

void ProxyExchange::fail(AbortReason reason, bool sent) {
  // With the reply ended, only the end of the request was lost.
  if (front_ != nullptr && !is_reply_ended_) {
    outcome_.upstream_failed = !outcome_.is_over_limit;
    outcome_.reason = reason;
    ServerStream& front = *front_;
    if (!front.head_sent()) {
      send_failure(front, reason, sent || was_sent_);
    } else if (is_grpc_ && front_protocol_ == Protocol::Http2) {
      finish_reply(cut_trailers(reason));
    } else {
      front_ = nullptr;
      front.reset(ResetCode::InternalError);
    }
  }
  done();
}

void ProxyExchange::send_failure(ServerStream& front, AbortReason reason, bool sent) {
  is_reply_ended_ = true;
  if (is_request_ended_) front_ = nullptr;
  StatusProbe probe(front, outcome_);
  answer_failure(probe, reason, sent);
  if (front_ != nullptr) drop_request(front);
}

// The reply is complete: what still comes of the request has no use.
void ProxyExchange::drop_request(ServerStream& front) {
  if (front_protocol_ == Protocol::Http2) {
    front_ = nullptr;
    front.reset(ResetCode::NoError);
  } else if (std::exchange(is_front_paused_, false)) {
    front.resume();
  }
}

void ProxyExchange::drop_back(ResetCode code) {
  if (ClientStream* back = std::exchange(back_, nullptr)) back->reset(code);
}

void ProxyExchange::done() {
  if (std::exchange(is_done_, true)) return;
  deadline_.reset();
  on_done(outcome_);
}

}  // namespace pixell::net
