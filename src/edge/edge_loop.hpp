#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "edge/access_log.hpp"
#include "edge/app_states.hpp"
#include "edge/forwarded.hpp"
#include "edge/mirror.hpp"
#include "edge/overload.hpp"
#include "edge/parking.hpp"
#include "edge/route_table.hpp"
#include "edge/target.hpp"
#include "edge/traffic_meter.hpp"
#include "net/client.hpp"
#include "net/event_loop.hpp"

namespace pixell::edge {

/// xorshift64*: spreads load, guards nothing.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed | 1) {}
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_ * 0x2545f4914f6cdd1dULL;
  }

 private:
  std::uint64_t state_;
};

/// What one loop routes by: a table, and what the loop itself keeps for its legs and targets.
/// Exchanged as a whole; each exchange keeps the one that it was routed by.
class RoutesInForce {
 public:
  RoutesInForce(std::shared_ptr<const RouteTable> table, UnixMillis applied_at,
                TrafficMeter::Cells cells, std::vector<AppInForce> apps,
                std::shared_ptr<const TargetSet> targets)
      : table_(std::move(table)),
        applied_at_(applied_at),
        cells_(std::move(cells)),
        apps_(std::move(apps)),
        targets_(std::move(targets)),
        upstreams_(table_->targets()) {}

  const RouteTable& table() const { return *table_; }
  UnixMillis applied_at() const { return applied_at_; }
  TrafficCell& cell(const Leg& leg) const { return cells_.of(leg); }
  EdgeCounters& counters(const AgentRoute& route) const { return cells_.of(route); }
  /// The state of a route of table().
  const AppInForce& app(const AgentRoute& route) const {
    return apps_[static_cast<std::size_t>(&route - table_->routes().data())];
  }
  /// What is known of a leg's targets, in their order.
  std::span<TargetState* const> targets(const Leg& leg) const { return targets_->of(leg.slot); }
  /// The upstream of a leg's target, looked up once.
  const std::shared_ptr<net::Upstream>& upstream(const Leg& leg, std::size_t target,
                                                 net::HttpClient& client) {
    std::shared_ptr<net::Upstream>& known = upstreams_[leg.first_target + target];
    if (known == nullptr) known = client.upstream(leg.targets[target]);
    return known;
  }

 private:
  std::shared_ptr<const RouteTable> table_;
  UnixMillis applied_at_;
  TrafficMeter::Cells cells_;
  std::vector<AppInForce> apps_;
  std::shared_ptr<const TargetSet> targets_;
  std::vector<std::shared_ptr<net::Upstream>> upstreams_;
};

/// What the requests of one loop share. Belongs to the loop's thread.
struct EdgeLoop {
  net::EventLoop& loop;
  net::HttpClient& client;
  AccessLog& access_log;
  Dice dice;
  std::shared_ptr<RoutesInForce> routes;
  Overload& overload;
  Mirrors& mirrors;
  ParkingLot& parking;
  Forwarder forwarder;
  net::Headers added{};  ///< the fields that the request at hand gets; used anew for each
};

}  // namespace pixell::edge
