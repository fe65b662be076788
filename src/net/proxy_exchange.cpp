#include "net/proxy_exchange.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "net/event_loop.hpp"
#include "net/grpc.hpp"
#include "net/limits.hpp"
#include "net/reply.hpp"

namespace pixell::net {
namespace {

bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD",   "OPTIONS",
                                                               "PUT", "DELETE", "TRACE"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
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

/// One proxied request between its two streams. `front` is the client's, `back` the upstream's;
/// each pointer is null once that stream is gone, or is no longer listened to.
///
///   waiting ─reply head─▶ replying ─both ends of back, reply finished─▶ over
///   waiting ─upstream failed, may be tried again─▶ waiting (another back)
///   waiting ─upstream failed─▶ over (error reply)    replying ─upstream failed─▶ over (cut)
///   waiting, replying ─client gone─▶ over (back reset)
class Exchange final : public ClientHandler, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(EventLoop& loop, HttpClient& client, ServerStream& front, ProxyPlan plan)
      : loop_(loop),
        client_(client),
        front_(&front),
        plan_(std::move(plan)),
        is_head_request_(front.request().method == "HEAD"),
        is_grpc_(front.request().is_grpc()),
        front_protocol_(front.request().protocol) {
    // The front has answered it, or will.
    plan_.head.headers.remove("expect");
  }

  void open();

  // What the client does.
  void front_data(std::string_view bytes);
  void front_end(const Headers& trailers);
  void front_writable();
  void front_gone(AbortReason reason);

  // ClientHandler: what the upstream does.
  void on_informational(const ResponseHead& head) override;
  void on_head(const ResponseHead& head) override;
  void on_data(std::string_view bytes) override;
  void on_end(const Headers& trailers) override;
  void on_writable() override;
  void on_abort(AbortReason reason) override;

 private:
  void keep_for_replay(std::string_view bytes);
  bool may_retry(AbortReason reason, bool sent) const;
  void upstream_failed(AbortReason reason, bool sent);
  void send_failure(ServerStream& front, AbortReason reason, bool sent);
  void finish_reply(const Headers& trailers);
  void drop_request(ServerStream& front);
  void drop_back(ResetCode code);
  void end_tunnel();
  void back_over();
  void front_over();
  void done();

  EventLoop& loop_;
  HttpClient& client_;
  ServerStream* front_;
  ClientStream* back_ = nullptr;
  // Set while the upstream's stream points here: it may outlive the client's stream, which holds
  // the other share.
  std::shared_ptr<Exchange> self_;
  ProxyPlan plan_;
  ProxyOutcome outcome_;

  const bool is_head_request_;
  const bool is_grpc_;
  const Protocol front_protocol_;
  std::string replay_;  // body bytes sent to back_ while it may have to be tried again
  bool is_replayable_ = true;
  bool was_sent_ = false;  // by a try before this one
  Headers request_trailers_;
  Timer cut_tunnel_;
  bool is_front_paused_ = false;
  bool is_request_ended_ = false;
  bool is_reply_ended_ = false;
  bool is_upstream_ended_ = false;
  bool is_tunnel_ = false;
  bool is_done_ = false;
};

void Exchange::open() {
  self_ = shared_from_this();
  back_ = &client_.open(plan_.upstream, plan_.protocol, plan_.head, *this);
  if (!replay_.empty()) back_->send_data(replay_);
  if (is_request_ended_) back_->finish(request_trailers_);
}

void Exchange::keep_for_replay(std::string_view bytes) {
  if (!is_replayable_) return;
  if (plan_.retries <= 0 || replay_.size() + bytes.size() > kReplayBytes) {
    is_replayable_ = false;
    std::string().swap(replay_);
    return;
  }
  replay_ += bytes;
}

void Exchange::front_data(std::string_view bytes) {
  outcome_.bytes_in += bytes.size();
  if (back_ == nullptr) return;  // the reply is over: the rest of the request is dropped
  keep_for_replay(bytes);
  if (back_->send_data(bytes) || back_ == nullptr || front_ == nullptr) return;
  is_front_paused_ = true;
  front_->pause();
}

void Exchange::front_end(const Headers& trailers) {
  is_request_ended_ = true;
  if (is_replayable_) request_trailers_ = trailers;
  if (back_ != nullptr) {
    ClientStream& back = *back_;
    // An upstream that ended first is gone with our end of it.
    if (is_upstream_ended_) back_over();
    back.finish(trailers);
  }
  if (is_reply_ended_) front_over();
  if (is_upstream_ended_) done();
}

void Exchange::front_writable() {
  if (back_ != nullptr) back_->resume();
}

void Exchange::front_gone(AbortReason reason) {
  if (std::exchange(front_, nullptr) == nullptr) return;
  if (!is_done_) {
    outcome_.client_gone = true;
    outcome_.reason = reason;
  }
  drop_back(ResetCode::Cancel);
  done();
}

void Exchange::on_informational(const ResponseHead& head) {
  // The front answers Expect: 100-continue itself.
  if (front_ == nullptr || head.status == 100) return;
  ResponseHead passed = head;
  remove_hop_by_hop(passed.headers);
  front_->send_informational(passed);
}

void Exchange::on_head(const ResponseHead& head) {
  if (front_ == nullptr) return;
  if (head.status == 101 && !front_->request().is_upgrade()) {
    drop_back(ResetCode::ProtocolError);
    upstream_failed(AbortReason::ProtocolError, true);
    return;
  }
  is_replayable_ = false;
  std::string().swap(replay_);
  is_tunnel_ = head.status == 101;
  ResponseHead passed = head;
  if (!is_tunnel_) remove_hop_by_hop(passed.headers);
  if (plan_.on_reply_head) plan_.on_reply_head(passed);
  outcome_.status = passed.status;
  outcome_.has_replied = true;
  if (is_grpc_) outcome_.grpc_status = grpc_status_of(passed.headers);
  const bool ends = is_head_request_ || passed.status == 204 || passed.status == 304;
  front_->send_head(passed, ends);
  if (!ends) return;
  is_reply_ended_ = true;
  if (is_request_ended_) front_over();
}

void Exchange::on_data(std::string_view bytes) {
  if (front_ == nullptr || is_reply_ended_) return;
  outcome_.bytes_out += bytes.size();
  if (!front_->send_data(bytes) && back_ != nullptr) back_->pause();
}

void Exchange::on_end(const Headers& trailers) {
  is_upstream_ended_ = true;
  if (is_grpc_ && outcome_.grpc_status < 0) outcome_.grpc_status = grpc_status_of(trailers);
  finish_reply(trailers);
  // A tunnel stays open for the other direction; an upload nobody reads is not sent on.
  if (is_request_ended_) {
    back_over();
  } else if (!is_tunnel_) {
    drop_back(ResetCode::NoError);
  } else {
    // Whoever closed a tunnel has said all; the other side gets the time to read and close as well.
    cut_tunnel_ = loop_.after(kDrainTimeout, [this] { end_tunnel(); });
    return;
  }
  done();
}

void Exchange::end_tunnel() {
  drop_back(ResetCode::NoError);
  if (ServerStream* front = std::exchange(front_, nullptr)) front->reset(ResetCode::NoError);
  done();
}

void Exchange::finish_reply(const Headers& trailers) {
  if (front_ == nullptr) return;
  ServerStream& front = *front_;
  if (!std::exchange(is_reply_ended_, true)) {
    if (is_request_ended_) front_over();
    front.finish(trailers);
  }
  if (!is_request_ended_ && !is_tunnel_) drop_request(front);
}

void Exchange::on_writable() {
  if (!std::exchange(is_front_paused_, false) || front_ == nullptr) return;
  front_->resume();
}

void Exchange::on_abort(AbortReason reason) {
  const bool sent = back_ != nullptr && back_->request_started();
  back_ = nullptr;
  if (is_tunnel_ && is_upstream_ended_) {  // the other half of a tunnel has nowhere to go now
    end_tunnel();
    return;
  }
  if (front_ != nullptr && may_retry(reason, sent)) {
    --plan_.retries;
    was_sent_ = was_sent_ || sent;
    open();
    return;
  }
  back_over();
  upstream_failed(reason, sent || was_sent_);
}

bool Exchange::may_retry(AbortReason reason, bool sent) const {
  if (plan_.retries <= 0 || !is_replayable_ || front_->head_sent()) return false;
  if (reason == AbortReason::UnusedClosed) return !sent || is_idempotent(plan_.head.method);
  return reason == AbortReason::Refused && !sent;
}

void Exchange::upstream_failed(AbortReason reason, bool sent) {
  // With the reply ended, only the end of the request was lost.
  if (front_ != nullptr && !is_reply_ended_) {
    outcome_.upstream_failed = true;
    outcome_.reason = reason;
    ServerStream& front = *front_;
    if (!front.head_sent()) {
      send_failure(front, reason, sent);
    } else if (is_grpc_ && front_protocol_ == Protocol::Http2) {
      finish_reply(grpc_trailers(ErrorCode::Unavailable, "the upstream broke off"));
    } else {
      front_over();
      front.reset(ResetCode::InternalError);
    }
  }
  done();
}

void Exchange::send_failure(ServerStream& front, AbortReason reason, bool sent) {
  is_reply_ended_ = true;
  if (is_request_ended_) front_over();
  StatusProbe probe(front, outcome_);
  if (plan_.on_upstream_failure) {
    plan_.on_upstream_failure(probe, reason, sent);
  } else if (is_grpc_) {
    send_grpc_status(probe, ErrorCode::Unavailable, "the upstream did not answer");
  } else {
    send_problem(probe, 502, "the upstream did not answer");
  }
  if (front_ != nullptr) drop_request(front);
}

// The reply is complete: what still comes of the request has no use.
void Exchange::drop_request(ServerStream& front) {
  if (front_protocol_ == Protocol::Http2) {
    front_over();
    front.reset(ResetCode::NoError);
  } else if (std::exchange(is_front_paused_, false)) {
    front.resume();
  }
}

void Exchange::drop_back(ResetCode code) {
  if (ClientStream* back = std::exchange(back_, nullptr)) back->reset(code);
  back_over();
}

// Nothing points here from the upstream's side any more. We may be in a callback of it.
void Exchange::back_over() {
  back_ = nullptr;
  if (self_ != nullptr) loop_.delete_later(std::shared_ptr<void>(std::move(self_)));
  self_.reset();
}

void Exchange::front_over() { front_ = nullptr; }

void Exchange::done() {
  if (std::exchange(is_done_, true)) return;
  if (plan_.on_done) plan_.on_done(outcome_);
}

/// The client's side: what the server's stream owns.
class FrontHandler final : public StreamHandler {
 public:
  explicit FrontHandler(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  // A stream that is freed without a word (its server was destroyed) is a client gone.
  ~FrontHandler() override { exchange_->front_gone(AbortReason::Shutdown); }

  void on_data(std::string_view bytes) override { exchange_->front_data(bytes); }
  void on_end(const Headers& trailers) override { exchange_->front_end(trailers); }
  void on_writable() override { exchange_->front_writable(); }
  void on_abort(AbortReason reason) override { exchange_->front_gone(reason); }

 private:
  // Shared with the exchange itself while the upstream's stream points to it.
  std::shared_ptr<Exchange> exchange_;
};

}  // namespace

std::unique_ptr<StreamHandler> proxy(EventLoop& loop, HttpClient& client, ServerStream& stream,
                                     ProxyPlan plan) {
  auto exchange = std::make_shared<Exchange>(loop, client, stream, std::move(plan));
  exchange->open();
  return std::make_unique<FrontHandler>(std::move(exchange));
}

}  // namespace pixell::net
