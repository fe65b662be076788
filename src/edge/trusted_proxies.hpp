#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pixell::edge {

/// The proxies in front of the edge that may say for whom they ask. An immutable value.
class TrustedProxies {
 public:
  /// Each entry is a network ("10.0.0.0/8", "2001:db8::/32"), an address, or "unix" for peers on
  /// Unix sockets. InvalidArgument names the entry and what is wrong with it.
  static Result<TrustedProxies> parse(std::span<const std::string> entries);

  /// Whether a peer is one of them; `peer` as PeerInfo::address has it ("10.0.0.1:5123",
  /// "[::1]:5123", "unix"). An IPv4 address that came over IPv6 (::ffff:10.0.0.1) is the IPv4 one.
  bool contains(std::string_view peer) const;
  bool empty() const { return networks_.empty() && !has_unix_; }

 private:
  // IPv4 as the IPv6 addresses ::ffff:0:0/96 (RFC 4291 2.5.5.2).
  using Bytes = std::array<unsigned char, 16>;
  struct Network {
    Bytes address{};
    int bits = 0;
  };
  static bool read_address(std::string_view text, Bytes& bytes);
  static Result<Network> parse_network(const std::string& entry);

  std::vector<Network> networks_;
  bool has_unix_ = false;
};

/// The address of a peer without port and brackets, IPv4 over IPv6 as IPv4; "unix" stays.
std::string_view peer_host(std::string_view peer);

}  // namespace pixell::edge
