#pragma once

#include <functional>
#include <memory>

#include "net/client.hpp"
#include "net/stream.hpp"

namespace pixell::net {

/// What happened to a proxied exchange, for the access line and the release of the target.
struct ProxyOutcome {
  int status = 0;               ///< what the client was sent; 0 = nothing
  std::uint64_t bytes_in = 0;   ///< request body
  std::uint64_t bytes_out = 0;  ///< reply body
  bool has_replied = false;     ///< the upstream's head was passed on
  int grpc_status = -1;         ///< of a gRPC call, as the upstream said it; -1 = not seen
  bool client_gone = false;
  bool upstream_failed = false;
  AbortReason reason = AbortReason::PeerClosed;  ///< when one of the two is true
};

/// One proxied request: how it is sent on and what is told about it.
struct ProxyPlan {
  Address upstream;
  Protocol protocol = Protocol::Http1;
  RequestHead head;  ///< as the upstream shall see it, hop-by-hop fields removed
  /// May change the reply head before it goes to the client (add x-pixell-revision, CORS).
  std::function<void(ResponseHead&)> on_reply_head;
  /// Sends the error reply when the upstream failed before a head was sent. `sent` = some byte of
  /// the request had left, in this try or one before.
  std::function<void(ServerStream&, AbortReason, bool sent)> on_upstream_failure;
  /// Called exactly once when the exchange is over.
  std::function<void(const ProxyOutcome&)> on_done;
  /// Tries after the first that are allowed when nothing was sent, or the method is idempotent and
  /// a reused connection died unused, and no body byte was consumed.
  int retries = 1;
};

/// Starts forwarding `stream` to the plan's upstream and returns the handler of the request body.
/// Bodies, trailers, 1xx, 101 tunnels and resets pass both ways with back-pressure; nothing is
/// collected. Never calls back before returning.
std::unique_ptr<StreamHandler> proxy(EventLoop& loop, HttpClient& client, ServerStream& stream,
                                     ProxyPlan plan);

}  // namespace pixell::net
