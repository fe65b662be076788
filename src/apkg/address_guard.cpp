#include "apkg/address_guard.hpp"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace pixell::apkg {

namespace {

struct Range4 {
  std::uint32_t network;
  int bits;
};

constexpr std::uint32_t ip4(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr std::array kNotPublic4 = {
    Range4{ip4(0, 0, 0, 0), 8},        // this network
    Range4{ip4(10, 0, 0, 0), 8},       // private
    Range4{ip4(100, 64, 0, 0), 10},    // shared by carriers
    Range4{ip4(127, 0, 0, 0), 8},      // loopback
    Range4{ip4(169, 254, 0, 0), 16},   // link-local, with the metadata services of clouds
    Range4{ip4(172, 16, 0, 0), 12},    // private
    Range4{ip4(192, 0, 0, 0), 24},     // protocol assignments
    Range4{ip4(192, 0, 2, 0), 24},     // documentation
    Range4{ip4(192, 88, 99, 0), 24},   // old 6to4 relays
    Range4{ip4(192, 168, 0, 0), 16},   // private
    Range4{ip4(198, 18, 0, 0), 15},    // benchmarks
    Range4{ip4(198, 51, 100, 0), 24},  // documentation
    Range4{ip4(203, 0, 113, 0), 24},   // documentation
    Range4{ip4(224, 0, 0, 0), 3},      // multicast, reserved, broadcast
};

bool is_public4(std::uint32_t address) {
  return std::none_of(kNotPublic4.begin(), kNotPublic4.end(), [&](const Range4& range) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - range.bits);
    return (address & mask) == range.network;
  });
}

using Bytes16 = std::array<std::uint8_t, 16>;

std::uint32_t ip4_at(const Bytes16& bytes, std::size_t offset) {
  return ip4(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]);
}

// The IPv4 address that is really meant, when the prefix is one that carries one.
std::optional<std::uint32_t> carried_ip4(const Bytes16& bytes) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::array<std::uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) return ip4_at(bytes, 12);
  if (std::equal(kNat64.begin(), kNat64.end(), bytes.begin())) return ip4_at(bytes, 12);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return ip4_at(bytes, 2);  // 6to4
  return std::nullopt;
}

bool is_public6(const Bytes16& bytes) {
  if (const auto carried = carried_ip4(bytes)) return is_public4(*carried);
  if ((bytes[0] & 0xe0) != 0x20) return false;  // only 2000::/3 is given to hosts
  const bool is_documentation =
      (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8) ||
      (bytes[0] == 0x3f && bytes[1] == 0xff && bytes[2] < 0x10);
  const bool is_protocol = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] < 0x02;  // Teredo, …
  return !is_documentation && !is_protocol;
}

}  // namespace

bool is_public_address(std::string_view address) {
  // Only addresses of one link have a zone, and nothing that is not an address has an end like it.
  if (address.contains('%')) return false;
  const std::string text(address);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return is_public4(ntohl(v4.s_addr));
  Bytes16 v6{};
  return ::inet_pton(AF_INET6, text.c_str(), v6.data()) == 1 && is_public6(v6);
}

bool is_listed_host(std::string_view host, const std::vector<std::string>& allowed) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& one) {
    return one.size() == host.size() && ::strncasecmp(one.data(), host.data(), host.size()) == 0;
  });
}

}  // namespace pixell::apkg
