#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/routes.hpp"
#include "model/rule_place.hpp"

namespace pixell::engine {

/// An app whose requests still go by an earlier route, and why.
struct HeldTraffic {
  std::string app_id;
  std::string why;
  Millis held_for{0};
  bool is_overdue = false;  ///< longer than a target may take to become healthy
};

/// What brings requests to instances beside our own edges, as a load balancer of a cloud does: it
/// has to be told each route.
class TrafficMover {
 public:
  virtual ~TrafficMover() = default;

  /// Brings the routes in force. Those that it could not are told, and tried again by the next
  /// call, with the same snapshot or another. An error: nothing was followed. From one thread;
  /// blocks.
  virtual Result<std::vector<HeldTraffic>> follow(const model::RouteSnapshot& snapshot,
                                                  std::stop_token stop) = 0;

  /// Whether an app's requests may still go by a route before this generation. From any thread.
  virtual bool lags_behind(std::string_view app_id, std::int64_t generation) const = 0;

  /// How an app is reached here; nothing when it is not, and was not meant to be. Of what was seen
  /// last: nobody is asked. From any thread.
  virtual Result<std::optional<model::BalancerView>> view_of(const std::string& app_id) const = 0;
};

}  // namespace pixell::engine
