#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "edge/route_table.hpp"
#include "net/stream.hpp"

namespace pixell::edge {

/// True for a client on this machine that calls it by a loopback name: routes are its operator's
/// business, and no foreign name may lead a browser on it here.
bool may_ask_to_explain(const net::PeerInfo& peer, const net::RequestHead& head);

/// One target of a leg as the loop that is asked sees it now.
struct TargetView {
  std::int64_t outstanding = 0;  ///< requests of all loops that it has
  bool is_ejected = false;       ///< passed over because it failed
  bool is_unhealthy = false;     ///< its health check fails
};

/// What the loop that is asked knows beside its table.
struct LoopView {
  UnixMillis applied_at = 0;  ///< of the table; 0 = never
  /// Of the leg's target of that number; empty = nothing is known of targets.
  std::function<TargetView(const Leg&, std::size_t)> state_of{};
  /// Requests of this loop that wait for an instance of the app; empty = not known.
  std::function<std::int64_t(const AgentRoute&)> waiting{};
};

/// Why a request would go where it goes, by the same decision that requests meet. `query` is that
/// of the explain request: url=<URL or path> and any number of header=Name:value, percent-encoded.
/// Values of headers are not repeated in the answer. InvalidArgument names the parameter and the
/// remedy.
Result<nlohmann::json> explain(const RouteTable& table, const LoopView& loop,
                               std::string_view query);

}  // namespace pixell::edge
