#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "edge/admit.hpp"
#include "edge/balancer.hpp"
#include "edge/edge_loop.hpp"
#include "edge/parking.hpp"
#include "edge/router.hpp"
#include "edge/target.hpp"
#include "net/proxy_exchange.hpp"

namespace pixell::edge {

/// One request for an agent, from the decision where it goes to its access line.
///
///   trying ─reply─▶ over           trying ─failed, another target is left─▶ trying
///   trying ─failed, none is left─▶ waiting        waiting ─woken: decided anew─▶ trying, waiting
///   waiting ─no room, deadline─▶ over (503)       anything ─client gone─▶ over
///
/// A request is tried again only when nothing of it was sent, par said that the agent got nothing
/// of it, or it is idempotent (RFC 9110 9.2.2) and its body is still at hand.
class AgentExchange final : public net::ProxyExchange {
 public:
  /// Begins to forward at once, or waits when the decision is NoTarget; the parking lot must have
  /// room then. `decision` is of `edge.routes`, which is kept; `ticket` is what admit() gave for
  /// it.
  AgentExchange(EdgeLoop& edge, net::ServerStream& stream, Decision decision, AgentTicket ticket);
  ~AgentExchange() override;

  /// Where requests of this decision wait: those for a tag apart from the others.
  static std::string parking_key(const Decision& decision);

 private:
  void prepare(net::OutgoingHead& head) override;
  bool accepts_reply(const net::ResponseHead& head) override;
  void on_reply_head(net::ResponseHead& head) override;
  void on_try_failed(net::AbortReason reason, bool sent) override;
  void answer_failure(net::ServerStream& stream, net::AbortReason reason, bool sent) override;
  void on_done(const net::ProxyOutcome& outcome) override;

  const AgentRoute& route() const { return *decision_.route; }
  const Leg& leg() const { return *decision_.leg; }
  void mark(net::Headers& headers) const;
  void start_mirror();
  bool try_target();
  void wait();
  void wait_over(ParkingLot::Over over);
  void stop_waiting();
  void give_up(Unserved why);
  void blame(net::AbortReason reason, bool sent);
  void target_failed(TargetFailure failure);
  void count_for(const Leg& leg);
  bool may_wait() const;
  ErrorReply timeout_reply() const;
  void count(const net::ProxyOutcome& outcome);
  void write_line(const net::ProxyOutcome& outcome, Instant::duration took);

  EdgeLoop& edge_;
  std::shared_ptr<RoutesInForce> routes_;
  Decision decision_;
  AgentTicket ticket_;
  const net::RequestHead& request_;
  TrafficCell* cell_ = nullptr;  // of the leg it was sent to last
  Instant start_;
  Instant::duration to_head_{-1};  // of the reply; -1 = there is none yet
  std::string_view sent_to_{};     // the target's address, in routes_; empty = none yet
  std::string request_id_;
  net::ProxyLimits limits_;
  std::shared_ptr<MirrorCopy> mirror_;  // null = not mirrored

  TargetClaim claim_;  // while a try is under way
  TriedTargets tried_;
  int lost_tries_ = 0;         // that the agent may have seen
  bool was_declined_ = false;  // by par, whose reply was not passed on

  ParkingLot::Ticket parked_;
  EdgeCounters* waits_at_ = nullptr;  // while it waits
  Instant waits_since_{};             // when it first had to
  std::optional<Unserved> unserved_;
};

}  // namespace pixell::edge
