#include "model/routes.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace pixell::model {

namespace {

constexpr std::array<std::pair<StickyBy, std::string_view>, 3> kStickyNames = {{
    {StickyBy::None, "none"},
    {StickyBy::Cookie, "cookie"},
    {StickyBy::Header, "header"},
}};

}  // namespace

nlohmann::json to_json(const Stickiness& sticky) {
  for (const auto& [by, name] : kStickyNames)
    if (by == sticky.by) return {{"by", name}, {"name", sticky.name}};
  return nullptr;
}

Result<Stickiness> stickiness_from_json(const nlohmann::json& json) {
  if (json.is_object() && json.contains("by") && json["by"].is_string()) {
    const nlohmann::json given = json.value("name", nlohmann::json(""));
    for (const auto& [by, name] : kStickyNames)
      if (json["by"] == name && given.is_string())
        return Stickiness{.by = by, .name = given.get<std::string>()};
  }
  return make_error(ErrorCode::InvalidArgument,
                    R"(sticky must be {"by": "none", "cookie" or "header", "name": "…"})");
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
                      {"sticky", to_json(route.sticky)}});
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
    for (const auto& leg : entry.at("legs"))
      route.legs.push_back({.revision = leg.at("revision").get<std::int64_t>(),
                            .weight_permille = leg.at("weight_permille").get<int>(),
                            .tag = leg.value("tag", std::string()),
                            .addresses = leg.at("addresses").get<std::vector<std::string>>()});
    if (entry.contains("sticky")) {
      TRY(route.sticky, stickiness_from_json(entry["sticky"]));
    }
    snapshot.routes.push_back(std::move(route));
  }
  return snapshot;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("not a route snapshot: {}", wrong.what()));
}

}  // namespace pixell::model
