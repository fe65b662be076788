#include "model/routes.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace pixell::model {

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
                      {"legs", std::move(legs)}});
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
    snapshot.routes.push_back(std::move(route));
  }
  return snapshot;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("not a route snapshot: {}", wrong.what()));
}

}  // namespace pixell::model
