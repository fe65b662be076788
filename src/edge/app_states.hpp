#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "edge/admission.hpp"
#include "edge/mirror.hpp"
#include "edge/route_table.hpp"

namespace pixell::edge {

/// What the loops use of one app's state.
struct AppInForce {
  AppAdmission* admission = nullptr;    ///< null = the app has no limit
  std::shared_ptr<MirrorTally> mirror;  ///< null = the app has no mirror
};

/// What the edge remembers of apps from one snapshot to the next: what of their limits is used, and
/// how their mirrors answered. An app without either costs nothing.
class AppStates {
 public:
  /// The state of each route of `table`, by its place in routes(), with the limits of the table put
  /// in force. They stay until keep_only() of a table without them. One caller at a time, as for
  /// keep_only().
  std::vector<AppInForce> in_force(const RouteTable& table, Instant now);
  /// Every loop uses `table`: the state of other apps ends once none of their exchanges runs.
  void keep_only(const RouteTable& table);

  /// {"under_way", "refused": {"concurrency", "rate"}, "mirror": {"revision", "mirrored", "same",
  /// "differs": {"status", "body"}, "failed", "dropped", "head_us": {"original", "mirror"}} |
  /// null}, the times on the average of one request; null for an app without state. Any thread.
  nlohmann::json to_json(std::string_view app_id) const;
  /// The counts of the app's mirror; null without one. Any thread.
  std::shared_ptr<const MirrorTally> mirror_of(std::string_view app_id) const;

 private:
  struct State {
    AppAdmission admission;
    std::shared_ptr<MirrorTally> mirror;
    bool is_limited = false;  // in the table that came last
  };
  mutable std::mutex mutex_;  // guards the map, not what the loops count
  std::map<std::string, State, std::less<>> states_;
};

}  // namespace pixell::edge
