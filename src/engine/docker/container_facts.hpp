#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/instance_usage.hpp"

namespace pixell::engine::docker {

/// What Docker says of a container, as far as it matters here. All but its health stays the same
/// while its `state` does: no container is ever started twice.
struct ContainerFacts {
  std::string id;
  std::string name;   ///< without the '/' in front
  std::string state;  ///< created, running, paused, restarting, removing, exited, dead
  std::map<std::string, std::string> labels;
  std::int64_t pid = 0;
  int exit_code = 0;
  bool ran_out_of_memory = false;
  std::string error;  ///< why it could not be started
  UnixMillis created_at = 0;
  UnixMillis started_at = 0;   ///< 0 = never
  UnixMillis finished_at = 0;  ///< 0 = not yet
  std::string address;         ///< "ip:port" of par, or empty while it has none
  bool is_unhealthy = false;
  std::string health_output;  ///< what the last health check printed

  bool has_ended() const { return state == "exited" || state == "dead"; }
  bool was_started() const { return state != "created"; }
  std::string label(const char* name) const;
};

/// Reads the answer of `GET /containers/{id}/json`. DataLoss when it cannot be understood.
Result<ContainerFacts> container_from_inspect(const nlohmann::json& answer);

/// Reads the answer of `GET /containers/{id}/stats` as `docker stats` does: memory without inactive
/// pages of files. DataLoss when it cannot be understood, or is of a container that does not run.
Result<model::InstanceUsage> usage_from_stats(const nlohmann::json& answer);

/// One row of `GET /containers/json`.
struct ContainerRow {
  std::string id;
  std::string state;
};
Result<ContainerRow> container_row(const nlohmann::json& row);

}  // namespace pixell::engine::docker
