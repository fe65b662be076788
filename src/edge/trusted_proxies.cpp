#include "edge/trusted_proxies.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace pixell::edge {

namespace {

constexpr std::string_view kMapped = "::ffff:";

// Whether the first `bits` bits are the same.
template <class Bytes>
bool same_prefix(const Bytes& a, const Bytes& b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

std::string_view peer_host(std::string_view peer) {
  std::string_view host = peer.substr(0, peer.rfind(':'));
  if (!host.starts_with('[')) return host;
  host = host.substr(1, host.rfind(']') - 1);
  if (host.starts_with(kMapped) && host.find('.') != std::string_view::npos)
    host.remove_prefix(kMapped.size());
  return host;
}

bool TrustedProxies::read_address(std::string_view text, Bytes& bytes) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (text.size() >= buffer.size()) return false;
  std::ranges::copy(text, buffer.begin());
  bytes = {};
  if (text.find(':') != std::string_view::npos)
    return ::inet_pton(AF_INET6, buffer.data(), bytes.data()) == 1;
  bytes[10] = bytes[11] = 0xff;
  return ::inet_pton(AF_INET, buffer.data(), bytes.data() + 12) == 1;
}

Result<TrustedProxies::Network> TrustedProxies::parse_network(const std::string& entry) {
  const std::string_view text = entry;
  const auto slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  Network network;
  if (!read_address(host, network.address))
    return make_error(
        ErrorCode::InvalidArgument,
        fmt::format("trusted proxy '{}' must be an address, a network like 10.0.0.0/8 or "
                    "2001:db8::/32, or unix",
                    entry));
  const bool is_v4 = host.find(':') == std::string_view::npos;
  const int most = is_v4 ? 32 : 128;
  int bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view size = text.substr(slash + 1);
    const auto [end, failed] = std::from_chars(size.data(), size.data() + size.size(), bits);
    if (failed != std::errc() || end != size.data() + size.size() || bits < 0 || bits > most)
      return make_error(
          ErrorCode::InvalidArgument,
          fmt::format("trusted proxy '{}': the prefix '{}' must be 0 to {}", entry, size, most));
  }
  network.bits = is_v4 ? bits + 96 : bits;
  return network;
}

Result<TrustedProxies> TrustedProxies::parse(std::span<const std::string> entries) {
  TrustedProxies proxies;
  for (const std::string& entry : entries) {
    if (entry == "unix") {
      proxies.has_unix_ = true;
      continue;
    }
    TRY(const Network network, parse_network(entry));
    proxies.networks_.push_back(network);
  }
  return proxies;
}

bool TrustedProxies::contains(std::string_view peer) const {
  if (peer == "unix") return has_unix_;
  if (networks_.empty()) return false;
  Bytes bytes;
  if (!read_address(peer_host(peer), bytes)) return false;
  return std::ranges::any_of(networks_, [&bytes](const Network& network) {
    return same_prefix(network.address, bytes, network.bits);
  });
}

}  // namespace pixell::edge
