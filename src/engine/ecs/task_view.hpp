#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace pixell::engine::ecs {

/// A task as DescribeTasks tells it, with its tags.
struct TaskFacts {
  std::string arn;
  std::string service;         ///< name of the service that started it; empty when none did
  std::string definition;      ///< ARN with its revision
  std::string status;          ///< lastStatus: PROVISIONING … RUNNING … STOPPED
  std::string wanted;          ///< desiredStatus: RUNNING or STOPPED
  std::string address;         ///< private IPv4; empty before it has one
  bool is_healthy = false;     ///< the container's own check
  std::string stop_code;       ///< TaskFailedToStart, EssentialContainerExited, …
  std::string stopped_reason;  ///< AWS's words
  std::string container_reason;
  std::optional<int> exit_code;  ///< none: the container never ran, or still does
  UnixMillis created_at = 0;
  UnixMillis stopped_at = 0;  ///< 0 = not yet
  // From its tags; empty or 0 when there is none.
  std::string installation;
  std::string app_id;
  std::string instance;
  std::int64_t revision = 0;

  bool has_ended() const { return status == "STOPPED"; }
  bool is_leaving() const { return wanted == "STOPPED"; }
  /// Up and healthy, with an address.
  bool serves() const;
  /// The scheduler took it away to have fewer, or for another deployment: its own fate is not told.
  bool was_scaled_in() const;
};

/// Reads one of DescribeTasks' tasks; what is missing stays empty.
TaskFacts task_facts(const nlohmann::json& task);

/// The last part of a task's ARN: its id, and the end of its log stream's name.
std::string task_id(const std::string& arn);

/// A service as DescribeServices tells it.
struct ServiceFacts {
  std::string name;
  bool is_active = false;  ///< neither deleted nor being deleted
  std::string definition;  ///< of its newest deployment
  int desired = 0;
  bool has_failed = false;          ///< its newest deployment was given up (rolloutState FAILED)
  std::string failure;              ///< rolloutStateReason
  std::vector<std::string> events;  ///< AWS's words, the newest first, at most kEventLines
};
ServiceFacts service_facts(const nlohmann::json& service);

}  // namespace pixell::engine::ecs
