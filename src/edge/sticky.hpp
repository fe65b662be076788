#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "edge/route_table.hpp"
#include "net/headers.hpp"

namespace pixell::edge {

/// Points into which the clients of a route are divided: one per mille of weight.
inline constexpr std::uint64_t kStickyPoints = 1000;

/// Where a client stands, from the value that identifies it: 64-bit FNV-1a over the app's id, a NUL
/// and the value, then the finalizer of MurmurHash3. Never changes: a client would change its leg
/// with the edge's version. The app's id is in it so that nobody is in the first per mille of all.
std::uint64_t sticky_hash(std::string_view app_id, std::string_view value);

/// The leg whose weight covers a point below kStickyPoints, legs taken in order, whether it has
/// targets or not. Null when the weights add up to less.
const Leg* leg_at(const AgentRoute& route, std::uint64_t point);

/// The leg at the point `hash` % kStickyPoints. When that leg has no target, its clients alone are
/// spread over the legs that have some. Null when no leg with a weight has a target.
const Leg* leg_by_hash(const AgentRoute& route, std::uint64_t hash);

/// The leg of a request that nothing ties to one, by weight. Legs without targets are passed over,
/// so that a revision that lost its last instance does not swallow its share while another still
/// serves. Null when no leg with a weight has a target.
const Leg* leg_by_dice(const AgentRoute& route, std::uint64_t dice);

/// The value of a cookie in the Cookie fields of a request; nullopt when absent or empty.
std::optional<std::string_view> cookie_value(const net::Headers& headers, std::string_view name);

/// What a client without a cookie is given: means nothing, 16 hexadecimal digits of `dice`.
std::string new_sticky_token(std::uint64_t dice);

}  // namespace pixell::edge
