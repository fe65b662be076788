#pragma once

#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "edge/trusted_proxies.hpp"
#include "net/headers.hpp"
#include "net/message.hpp"
#include "net/stream.hpp"

namespace pixell::edge {

/// Makes the fields that tell an upstream who asks: X-Forwarded-For, -Proto, -Host and -Port,
/// Forwarded (RFC 7239), X-Real-IP, X-Request-ID. What a trusted proxy says of its client is kept
/// and continued; what anybody else says of himself is replaced. Belongs to one loop.
class Forwarder {
 public:
  explicit Forwarder(TrustedProxies trusted) : trusted_(std::move(trusted)) {}

  /// The request's id: the client's when it is one that may be logged, else a new ULID. The view
  /// ends with the next call, or with `request`.
  std::string_view request_id(const net::RequestHead& request, const Clock& clock);

  /// Adds the fields to `added`. They take the place of the client's; one without a value only
  /// takes the client's away.
  void fill(const net::RequestHead& request, const net::PeerInfo& peer, std::string_view request_id,
            net::Headers& added) const;

 private:
  TrustedProxies trusted_;
  UlidSource ids_;
};

}  // namespace pixell::edge
