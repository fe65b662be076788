#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cmd/pac/commands/session.hpp"

// How people name things: apps by full or short id, instances by the end of their id, an open
// rollout by its app.

namespace pixell::cmd {

/// "/v1/apps/{app}" with what follows.
std::string app_path(std::string_view app, std::string_view rest = {});

/// GET /v1/apps/{app}.
Outcome<nlohmann::json> get_app(const Session& session, std::string_view app);

/// The full id of an app. One that is not there is taken as it is: its history may be.
Outcome<std::string> full_app_id(const Session& session, const std::string& app);

/// The instance with that id, or the only one whose id ends so (upper and lower case are the same),
/// of one app or of all when `app` is empty. NotFound; Failed when several end so.
Outcome<nlohmann::json> find_instance(const Session& session, const std::string& id,
                                      const std::string& app);

/// The end of an instance's id, as tables show it.
std::string short_instance_id(std::string_view id);

/// How many instances an app's settings ask for: "3", or "2 to 10" where the engine decides.
std::string number_text(const nlohmann::json& settings);

/// The id of a deployment, or of the open rollout of an app. Conflict when the app has none.
Outcome<std::string> find_rollout(const Session& session, const std::string& app_or_deployment);

}  // namespace pixell::cmd
