#include "edge/sticky.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pixell::edge {

namespace {

constexpr std::uint64_t kFnvBasis = 0xcbf29ce484222325ULL;
constexpr std::uint64_t kFnvPrime = 0x100000001b3ULL;

std::uint64_t fnv1a(std::uint64_t hash, std::string_view bytes) {
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= kFnvPrime;
  }
  return hash;
}

// FNV alone leaves short values that differ in the last byte close together.
std::uint64_t finalized(std::uint64_t hash) {
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53ULL;
  return hash ^ hash >> 33;
}

std::uint64_t weight_of(const Leg& leg) { return static_cast<std::uint64_t>(leg.weight_permille); }

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::uint64_t sticky_hash(std::string_view app_id, std::string_view value) {
  std::uint64_t hash = fnv1a(kFnvBasis, app_id);
  hash = fnv1a(hash, std::string_view("\0", 1));
  return finalized(fnv1a(hash, value));
}

const Leg* leg_at(const AgentRoute& route, std::uint64_t point) {
  for (const Leg& leg : route.legs) {
    if (point < weight_of(leg)) return &leg;
    point -= weight_of(leg);
  }
  return nullptr;
}

const Leg* leg_by_hash(const AgentRoute& route, std::uint64_t hash) {
  const Leg* leg = leg_at(route, hash % kStickyPoints);
  if (leg != nullptr && !leg->targets.empty()) return leg;
  return leg_by_dice(route, hash / kStickyPoints);
}

const Leg* leg_by_dice(const AgentRoute& route, std::uint64_t dice) {
  std::uint64_t total = 0;
  for (const Leg& leg : route.legs)
    if (!leg.targets.empty()) total += weight_of(leg);
  if (total == 0) return nullptr;
  std::uint64_t point = dice % total;
  for (const Leg& leg : route.legs) {
    if (leg.targets.empty()) continue;
    if (point < weight_of(leg)) return &leg;
    point -= weight_of(leg);
  }
  return nullptr;
}

std::optional<std::string_view> cookie_value(const net::Headers& headers, std::string_view name) {
  // HTTP/2 may split the cookies into several fields (RFC 9113 8.2.3).
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (!net::equal_names(headers[i].name, "cookie")) continue;
    std::string_view rest = headers[i].value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = trimmed(rest.substr(0, end));
      const std::size_t equals = pair.find('=');
      if (pair.substr(0, equals) == name && equals + 1 < pair.size() &&
          equals != std::string_view::npos)
        return pair.substr(equals + 1);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return std::nullopt;
}

std::string new_sticky_token(std::uint64_t dice) { return fmt::format("{:016x}", dice); }

}  // namespace pixell::edge
