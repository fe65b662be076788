#include "model/routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pixell::model {

namespace {

std::string_view text_of(StickyBy by) {
  switch (by) {
    case StickyBy::None:
      return "none";
    case StickyBy::Cookie:
      return "cookie";
    case StickyBy::Header:
      return "header";
  }
  return "none";
}

// The names of headers and cookies are tokens: nothing in them ends a field early.
bool is_token(std::string_view name) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return std::all_of(name.begin(), name.end(), [](char c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
  });
}

Error wrong_sticky(std::string_view member, std::string_view value, std::string_view remedy) {
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("sticky.{}: '{}' {}", member, value, remedy));
}

}  // namespace

nlohmann::json to_json(const Stickiness& sticky) {
  return {{"by", text_of(sticky.by)}, {"name", sticky.name}};
}

Result<Stickiness> stickiness_from_json(const nlohmann::json& json) try {
  if (json.is_null()) return Stickiness();
  Stickiness sticky{.name = json.value("name", std::string())};
  const std::string by = json.value("by", std::string("none"));
  if (by == "cookie")
    sticky.by = StickyBy::Cookie;
  else if (by == "header")
    sticky.by = StickyBy::Header;
  else if (by != "none")
    return wrong_sticky("by", by, "is not known; use none, cookie or header");
  if (sticky.by == StickyBy::Header && sticky.name.empty())
    return wrong_sticky("name", "", "is empty; name the header, for example x-user-id");
  if (sticky.name.size() > kMaxStickyNameBytes)
    return wrong_sticky("name", sticky.name,
                        fmt::format("is longer than {} bytes; shorten it", kMaxStickyNameBytes));
  if (!is_token(sticky.name))
    return wrong_sticky("name", sticky.name,
                        "cannot name a cookie or a header; use letters, digits, - and _");
  return sticky;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("sticky: {}; use {{\"by\": \"none|cookie|header\", \"name\": "
                                "\"…\"}}",
                                wrong.what()));
}

nlohmann::json to_json(const RouteSnapshot& snapshot) {
  nlohmann::json routes = nlohmann::json::array();
  for (const Route& route : snapshot.routes) {
    nlohmann::json legs = nlohmann::json::array();
    for (const RouteLeg& leg : route.legs)
      legs.push_back({{"revision", leg.revision},
                      {"weight_permille", leg.weight_permille},
                      {"tag", leg.tag},
                      {"addresses", leg.addresses}});
    routes.push_back({{"app_id", route.app_id},
                      {"short_id", route.short_id},
                      {"name", route.name},
                      {"description", route.description},
                      {"version", route.version},
                      {"legs", std::move(legs)},
                      {"sticky", to_json(route.sticky)},
                      {"routing", to_json(route.routing)}});
  }
  return {{"generation", snapshot.generation}, {"routes", std::move(routes)}};
}

Result<RouteSnapshot> route_snapshot_from_json(const nlohmann::json& json) try {
  RouteSnapshot snapshot;
  snapshot.generation = json.at("generation").get<std::int64_t>();
  for (const auto& entry : json.at("routes")) {
    Route route{.app_id = entry.at("app_id").get<std::string>(),
                .short_id = entry.at("short_id").get<std::string>(),
                .name = entry.value("name", std::string()),
                .description = entry.value("description", std::string()),
                .version = entry.value("version", std::string()),
                .legs = {}};
    if (const auto sticky = entry.find("sticky"); sticky != entry.end()) {
      TRY(route.sticky, stickiness_from_json(*sticky));
    }
    if (const auto routing = entry.find("routing"); routing != entry.end()) {
      TRY(route.routing, routing_from_json(*routing));
    }
    for (const auto& leg : entry.at("legs"))
      route.legs.push_back({.revision = leg.at("revision").get<std::int64_t>(),
                            .weight_permille = leg.at("weight_permille").get<int>(),
                            .tag = leg.value("tag", std::string()),
                            .addresses = leg.at("addresses").get<std::vector<std::string>>()});
    snapshot.routes.push_back(std::move(route));
  }
  return snapshot;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("not a route snapshot: {}", wrong.what()));
}

}  // namespace pixell::model
