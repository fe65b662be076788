#pragma once

#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "base/piece_pool.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"
#include "net/exchange_deadline.hpp"
#include "net/stream.hpp"

namespace pixell::net {

/// Whether a request may be repeated without harm (RFC 9110 9.2.2).
bool is_idempotent(std::string_view method);

/// What happened to a proxied exchange, for the access line and the release of the target.
struct ProxyOutcome {
  int status = 0;               ///< what the client was sent; 0 = nothing
  std::uint64_t bytes_in = 0;   ///< request body
  std::uint64_t bytes_out = 0;  ///< reply body
  bool has_replied = false;     ///< the upstream's head was passed on
  int grpc_status = -1;         ///< of a gRPC call, as the upstream said it; -1 = not seen
  int tries = 0;                ///< how often the request was sent to an upstream
  bool is_reused = false;       ///< the last try went over a connection that was there
  bool client_gone = false;
  bool is_over_limit = false;  ///< the request's body was longer than it may be
  bool upstream_failed = false;
  AbortReason reason = AbortReason::PeerClosed;  ///< when one of the two is true
};

/// Sees what passes through an exchange, and cannot change it.
class ProxyTap {
 public:
  virtual ~ProxyTap() = default;
  virtual void request_data(std::string_view bytes) = 0;
  virtual void request_end(const Headers& trailers) = 0;
  virtual void reply_head(const ResponseHead& head) = 0;
  virtual void reply_data(std::string_view bytes) = 0;
};

/// What an exchange may take; 0 = no limit.
struct ProxyLimits {
  std::int64_t request_bytes = 0;  ///< of the request's body
  TimeLimits time{};
};

/// One proxied request between its two streams: bodies, trailers, 1xx, 101 tunnels and resets pass
/// both ways with back-pressure; nothing is collected. Derive from it, make it in
/// Service::on_request() and give it to the stream as its handler.
///
///   holding ─forward()─▶ waiting ─reply head─▶ replying ─both ends, reply finished─▶ over
///   waiting ─try failed─▶ on_try_failed(): forward() again, at once or later (holding), or fail()
///   replying ─upstream failed─▶ over (cut)    anything ─client gone─▶ over (upstream reset)
///
/// While it holds, the client's body waits: up to kReplayBytes and one read of its socket.
class ProxyExchange : public StreamHandler, public Pooled {
 public:
  ProxyExchange(EventLoop& loop, HttpClient& client, ServerStream& front);
  ProxyExchange(const ProxyExchange&) = delete;
  ProxyExchange& operator=(const ProxyExchange&) = delete;
  ~ProxyExchange() override;

  // StreamHandler: what the client does.
  void on_data(std::string_view bytes) final;
  void on_end(const Headers& trailers) final;
  void on_writable() final;
  void on_abort(AbortReason reason) final;

 protected:
  /// Sends the request on; prepare() says how. Also for the next try, from on_try_failed() or later
  /// while is_holding(). Failures never come from inside this call.
  void forward(std::shared_ptr<Upstream> upstream, Protocol protocol);
  /// Puts limits in force. An exchange over them fails with AbortReason::TooLarge or Timeout, and
  /// its upstream is reset. At most once, before forward().
  void limit(const ProxyLimits& limits);
  /// Shows `tap` what passes from now on; it stays until the exchange is over.
  void tap(ProxyTap& tap) { tap_ = &tap; }
  /// Gives up: the client gets answer_failure(), or the cut of what it has so far.
  void fail(AbortReason reason, bool sent);
  /// No try is under way, and the client still waits for a reply.
  bool is_holding() const { return back_ == nullptr && front_ != nullptr && !is_reply_ended_; }
  /// The client's stream; null once the client is gone, or all of it was said.
  ServerStream* front() { return front_; }
  const ProxyOutcome& outcome() const { return outcome_; }
  EventLoop& loop() { return loop_; }
  /// To be called by the destructor of the deriving class: a stream that is freed without a word is
  /// a client gone.
  void leave();

  /// Fills in what the upstream shall see other than the client's head: `head` has that one, but
  /// for what is a matter of one hop. What it refers to must stay until forward() returns.
  virtual void prepare(OutgoingHead& head) = 0;
  /// A reply's head came. It may be changed, for example to add fields; false = it is not passed
  /// on, and the try counts as failed (AbortReason::Refused, nothing sent). Asked only while the
  /// request can be sent again.
  virtual bool accepts_reply(const ResponseHead&) { return true; }
  virtual void on_reply_head(ResponseHead&) {}
  /// A try failed and may be repeated: nothing of the request was sent, or the method is idempotent
  /// and the connection ended before the reply (RFC 9110 9.2.2). `sent` = some byte of the request
  /// had left in this try. Unless it calls forward(), now or later, it calls fail().
  virtual void on_try_failed(AbortReason reason, bool sent) { fail(reason, sent); }
  /// Sends the error reply when the upstream failed before a head was sent. `sent` = some byte of
  /// the request had left, in this try or one before.
  virtual void answer_failure(ServerStream& stream, AbortReason reason, bool sent) = 0;
  /// Called exactly once when the exchange is over.
  virtual void on_done(const ProxyOutcome&) {}

 private:
  /// The upstream's side of the exchange.
  class Back final : public ClientHandler {
   public:
    explicit Back(ProxyExchange& exchange) : exchange_(exchange) {}
    void on_informational(const ResponseHead& head) override { exchange_.back_informational(head); }
    void on_head(ResponseHead& head) override { exchange_.back_head(head); }
    void on_data(std::string_view bytes) override { exchange_.back_data(bytes); }
    void on_end(const Headers& trailers) override { exchange_.back_end(trailers); }
    void on_writable() override { exchange_.back_writable(); }
    void on_abort(AbortReason reason) override { exchange_.back_abort(reason); }

   private:
    ProxyExchange& exchange_;
  };

  void back_informational(const ResponseHead& head);
  void back_head(ResponseHead& head);
  void back_data(std::string_view bytes);
  void back_end(const Headers& trailers);
  void back_writable();
  void back_abort(AbortReason reason);

  void passed();
  void over_limit(AbortReason reason);
  void keep_for_replay(std::string_view bytes);
  bool may_repeat(AbortReason reason, bool sent) const;
  void try_failed(AbortReason reason, bool sent);
  void send_failure(ServerStream& front, AbortReason reason, bool sent);
  void finish_reply(const Headers& trailers);
  void drop_request(ServerStream& front);
  void drop_back(ResetCode code);
  void client_gone(AbortReason reason);
  void end_tunnel();
  void done();

  EventLoop& loop_;
  HttpClient& client_;
  ServerStream* front_;           // null once the client's stream is over or no longer of interest
  ClientStream* back_ = nullptr;  // null while no try is under way
  Back back_side_{*this};
  ProxyTap* tap_ = nullptr;
  std::int64_t max_request_bytes_ = 0;          // 0 = no limit
  std::unique_ptr<ExchangeDeadline> deadline_;  // null = no limit
  std::shared_ptr<Upstream> upstream_;          // of the last try
  ProxyOutcome outcome_;

  std::string replay_;  // body bytes that came while a try may have to be repeated
  Headers request_trailers_;
  Timer cut_tunnel_;
  const bool is_head_request_;
  const bool is_grpc_;
  const Protocol front_protocol_;
  Protocol protocol_ = Protocol::Http1;  // of the last try
  int unused_closed_ = 0;                // tries that ended so
  bool is_replayable_ = true;
  bool was_sent_ = false;  // by a try before this one
  bool is_front_paused_ = false;
  bool is_request_ended_ = false;
  bool is_reply_ended_ = false;
  bool is_upstream_ended_ = false;
  bool is_tunnel_ = false;
  bool is_done_ = false;
};

}  // namespace pixell::net
