#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace pixell::model {

/// One revision's share of an app's traffic and the instances that serve it.
struct RouteLeg {
  std::int64_t revision = 0;
  int weight_permille = 0;             ///< all legs of a route add up to 1000
  std::string tag;                     ///< empty = none
  std::vector<std::string> addresses;  ///< ready instances
};

/// How requests of one caller are kept on one revision while several share an app's traffic.
enum class StickyBy { None, Cookie, Header };
struct Stickiness {
  StickyBy by = StickyBy::None;
  std::string name;  ///< of the cookie or the header
  bool operator==(const Stickiness&) const = default;
};
/// {"by": "none|cookie|header", "name": "…"}
nlohmann::json to_json(const Stickiness& sticky);
/// InvalidArgument when it is not of that form.
Result<Stickiness> stickiness_from_json(const nlohmann::json& json);

struct Route {
  std::string app_id;
  std::string short_id;
  std::string name;  ///< for GET /agents
  std::string description;
  std::string version;
  std::vector<RouteLeg> legs;
  Stickiness sticky{};
};

/// Everything the edge needs, with a generation that only grows.
struct RouteSnapshot {
  std::int64_t generation = 0;
  std::vector<Route> routes;
};

nlohmann::json to_json(const RouteSnapshot& snapshot);
Result<RouteSnapshot> route_snapshot_from_json(const nlohmann::json& json);

}  // namespace pixell::model
