#include "model/manifest.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace pixell::model {

nlohmann::json to_json(const Manifest& manifest) {
  nlohmann::json json = {{"name", manifest.name},
                         {"display_name", manifest.display_name},
                         {"version", manifest.version},
                         {"description", manifest.description},
                         {"author", manifest.author},
                         {"entrypoint", manifest.entrypoint},
                         {"runtime", manifest.runtime},
                         {"environment", manifest.environment},
                         {"http_server", manifest.http_server},
                         {"sub_agents", nlohmann::json::array()}};
  if (manifest.a2a)
    json["a2a"] = {{"entry", manifest.a2a->entry}, {"http_server", manifest.a2a->http_server}};
  if (manifest.rest) json["rest"] = {{"entry", manifest.rest->entry}};
  if (manifest.ui)
    json["ui"] = {{"path", manifest.ui->path}, {"base_path", manifest.ui->base_path}};
  for (const auto& agent : manifest.sub_agents)
    json["sub_agents"].push_back(
        {{"name", agent.name}, {"description", agent.description}, {"public", agent.is_public}});
  if (manifest.limits != LimitsAsked{}) json["limits"] = to_json(manifest.limits);
  return json;
}

Result<Manifest> manifest_from_json(const nlohmann::json& json) try {
  Manifest manifest;
  manifest.name = json.at("name").get<std::string>();
  manifest.display_name = json.value("display_name", std::string());
  manifest.version = json.at("version").get<std::string>();
  manifest.description = json.value("description", std::string());
  manifest.author = json.value("author", std::string());
  manifest.entrypoint = json.value("entrypoint", std::string());
  manifest.runtime = json.value("runtime", std::string());
  manifest.environment = json.value("environment", std::map<std::string, std::string>{});
  manifest.http_server = json.value("http_server", std::string());
  if (json.contains("a2a"))
    manifest.a2a = Manifest::A2a{.entry = json["a2a"].value("entry", std::string()),
                                 .http_server = json["a2a"].value("http_server", std::string())};
  if (json.contains("rest"))
    manifest.rest = Manifest::Rest{.entry = json["rest"].at("entry").get<std::string>()};
  if (json.contains("ui"))
    manifest.ui = Manifest::Ui{.path = json["ui"].at("path").get<std::string>(),
                               .base_path = json["ui"].value("base_path", std::string("/"))};
  for (const auto& agent : json.value("sub_agents", nlohmann::json::array()))
    manifest.sub_agents.push_back({.name = agent.at("name").get<std::string>(),
                                   .description = agent.value("description", std::string()),
                                   .is_public = agent.value("public", true)});
  if (json.contains("limits")) {
    TRY(manifest.limits, limits_from_json(json["limits"]));
  }
  return manifest;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a manifest: {}", wrong.what()));
}

}  // namespace pixell::model
