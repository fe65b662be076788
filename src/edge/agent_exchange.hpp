#pragma once

#include <memory>
#include <string>

#include "edge/admit.hpp"
#include "edge/edge_loop.hpp"
#include "edge/router.hpp"
#include "net/proxy_exchange.hpp"

namespace pixell::edge {

/// One request for an agent, from the decision where it goes to its access line.
class AgentExchange final : public net::ProxyExchange {
 public:
  /// Begins to forward at once. `decision` is of `edge.routes`, which is kept, and goes to an
  /// agent; `ticket` is what admit() gave for it.
  AgentExchange(EdgeLoop& edge, net::ServerStream& stream, Decision decision, AgentTicket ticket);
  ~AgentExchange() override;

 private:
  void prepare(net::OutgoingHead& head) override;
  void on_reply_head(net::ResponseHead& head) override;
  void answer_failure(net::ServerStream& stream, net::AbortReason reason, bool sent) override;
  void on_done(const net::ProxyOutcome& outcome) override;

  const AgentRoute& route() const { return *decision_.route; }
  const Leg& leg() const { return *decision_.leg; }
  void mark(net::Headers& headers) const;
  void start_mirror();
  ErrorReply timeout_reply() const;

  EdgeLoop& edge_;
  std::shared_ptr<RoutesInForce> routes_;
  Decision decision_;
  AgentTicket ticket_;
  const net::RequestHead& request_;
  TrafficCell& cell_;
  Instant start_;
  std::string request_id_;
  net::ProxyLimits limits_;
  std::shared_ptr<MirrorCopy> mirror_;  // null = not mirrored
};

}  // namespace pixell::edge
