#include "cmd/pac/commands/names.hpp"

#include <fmt/format.h>

#include <cctype>
#include <nlohmann/json.hpp>

#include "base/ids.hpp"
#include "base/percent.hpp"
#include "cmd/pac/arguments.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::string app_path(std::string_view app, std::string_view rest) {
  return fmt::format("/v1/apps/{}{}", percent_encode(app), rest);
}

Outcome<json> get_app(const Session& session, std::string_view app) {
  return session.api.get(app_path(app));
}

Outcome<std::string> full_app_id(const Session& session, const std::string& app) {
  if (app.empty()) return app;
  const auto reply = get_app(session, app);
  if (reply) return reply->at("app").at("id").get<std::string>();
  if (reply.error().code == ExitCode::NotFound) return app;
  return std::unexpected(reply.error());
}

Outcome<json> find_instance(const Session& session, const std::string& id, const std::string& app) {
  if (is_ulid(id)) {
    const auto reply = session.api.get("/v1/instances/" + percent_encode(id));
    if (!reply) return std::unexpected(reply.error());
    return reply->at("instance");
  }
  const auto instances = session.api.list(
      "/v1/instances" + query_of({{"app", app}, {"limit", std::to_string(kPageItems)}}),
      "instances", kMaxListed);
  if (!instances) return std::unexpected(instances.error());
  json found;
  for (const json& one : *instances) {
    if (!lower(one.at("id").get<std::string>()).ends_with(lower(id))) continue;
    if (!found.is_null())
      return failure(ExitCode::Failed,
                     fmt::format("more than one instance id ends in '{}'; give more of it", id));
    found = one;
  }
  if (!found.is_null()) return found;
  return failure(ExitCode::NotFound,
                 fmt::format("there is no {}instance '{}'; `pac status` lists them",
                             app.empty() ? "agent app or " : "", id));
}

std::string short_instance_id(std::string_view id) {
  return lower(std::string(id.substr(id.size() - std::min(id.size(), kShortInstanceId))));
}

std::string number_text(const json& settings) {
  const auto scaling = settings.find("scaling");
  if (scaling == settings.end()) return text_at(settings, "instances");
  return fmt::format("{} to {}", text_at(*scaling, "min_instances"),
                     text_at(*scaling, "max_instances"));
}

Outcome<std::string> find_rollout(const Session& session, const std::string& app_or_deployment) {
  if (is_ulid(app_or_deployment)) return app_or_deployment;
  const auto app = get_app(session, app_or_deployment);
  if (!app) return std::unexpected(app.error());
  if (const auto rollout = app->find("rollout"); rollout != app->end())
    return rollout->at("id").get<std::string>();
  return failure(
      ExitCode::Conflict,
      fmt::format("app '{0}' has no open rollout; `pac deployments {0}` lists those that "
                  "ended",
                  app->at("app").at("id").get<std::string>()));
}

}  // namespace pixell::cmd
