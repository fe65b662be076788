#pragma once

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

/// Why a request would go where it goes, by the same decision that requests meet. `query` is that
/// of the explain request: url=<URL or path> and any number of header=Name:value, percent-encoded.
/// Values of headers are not repeated in the answer. InvalidArgument names the parameter and the
/// remedy.
Result<nlohmann::json> explain(const RouteTable& table, UnixMillis applied_at,
                               std::string_view query);

}  // namespace pixell::edge
