#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/agent_app.hpp"

namespace pixell::engine {

/// Everything an engine needs to start one instance. The same value always starts the same thing.
struct InstanceSpec {
  std::string id;  ///< ULID, chosen by the planner before the start is recorded
  std::string app_id;
  std::int64_t revision = 0;
  std::string deployment_id;
  std::string package_path;  ///< local and docker: the file in the installation's store
  std::string package_url;   ///< ecs: where par fetches it
  std::string package_sha256;
  std::string base_path;                           ///< "/agents/<full id>"
  std::map<std::string, std::string> environment;  ///< deploy-time values; never logged
  model::Resources resources;
  Millis grace{30'000};  ///< how long a stop may drain
  Millis startup_timeout{300'000};
  bool operator==(const InstanceSpec&) const;
};

nlohmann::json to_json(const InstanceSpec& spec);
Result<InstanceSpec> instance_spec_from_json(const nlohmann::json& json);

/// The contract variables of an instance (AGENT_APP_ID, DEPLOYMENT_ID, BASE_PATH, PACKAGE_SHA256,
/// …) on top of its deploy-time environment; ports and listeners are the engine's.
std::map<std::string, std::string> instance_environment(const InstanceSpec& spec);

/// An instance as JSON, as node, control and the API exchange it.
nlohmann::json to_json(const model::Instance& instance);
Result<model::Instance> instance_from_json(const nlohmann::json& json);

}  // namespace pixell::engine
