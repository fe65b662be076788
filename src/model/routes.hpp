#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/routing.hpp"

namespace pixell::model {

/// One revision's share of an app's traffic and the instances that serve it.
struct RouteLeg {
  std::int64_t revision = 0;
  int weight_permille = 0;             ///< all legs of a route add up to 1000
  std::string tag;                     ///< empty = none
  std::vector<std::string> addresses;  ///< ready instances
};

/// What keeps a client on one leg of a route while its weights stay as they are.
enum class StickyBy {
  None,    ///< each request is diced
  Cookie,  ///< a cookie that the edge gives to clients without one
  Header,  ///< a header that the client sends, for example its user's id
};
struct Stickiness {
  StickyBy by = StickyBy::None;
  std::string name;  ///< of the cookie or the header; empty with Cookie = kStickyCookieName
  bool operator==(const Stickiness&) const = default;
};
/// The cookie's name when a route does not name one.
inline constexpr std::string_view kStickyCookieName = "pixell_sticky";
/// How long the name of a cookie or a header may be.
inline constexpr std::size_t kMaxStickyNameBytes = 64;

struct Route {
  std::string app_id;
  std::string short_id;
  std::string name;  ///< for GET /agents
  std::string description;
  std::string version;
  std::vector<RouteLeg> legs;
  Stickiness sticky{};
  Routing routing{};
};

/// Everything the edge needs, with a generation that only grows.
struct RouteSnapshot {
  std::int64_t generation = 0;
  std::vector<Route> routes;
};

/// {"by": "none|cookie|header", "name": "…"}
nlohmann::json to_json(const Stickiness& sticky);
/// InvalidArgument names the member, its value and the remedy: `by` is one of the three, `name` a
/// token (RFC 9110 5.6.2) of at most kMaxStickyNameBytes, needed with "header". Null is none.
Result<Stickiness> stickiness_from_json(const nlohmann::json& json);

nlohmann::json to_json(const RouteSnapshot& snapshot);
Result<RouteSnapshot> route_snapshot_from_json(const nlohmann::json& json);

}  // namespace pixell::model
