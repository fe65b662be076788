#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/ecs/names.hpp"
#include "engine/ecs/settings.hpp"
#include "engine/instance_spec.hpp"

namespace pixell::engine::ecs {

inline constexpr const char* kContainer = "agent-runtime";
// Where par listens: the contract's ports.
inline constexpr int kRestPort = 8080;
inline constexpr int kGrpcPort = 50051;
inline constexpr int kUiPort = 3000;

/// Processor and memory of a task.
struct TaskSize {
  std::int64_t cpu_units = 0;  ///< 1024 = one core
  std::int64_t memory_mib = 0;
};

/// The smallest combination that Fargate has and that is no less than what is wanted.
/// InvalidArgument, with the largest there is, when there is none.
Result<TaskSize> fargate_size(const model::Resources& wanted);

/// The deploy-time values of a revision, as they are kept in Secrets Manager: one JSON object with
/// a text for each. Without those that would steer par, and those that are ours to say. Null when
/// nothing is left. InvalidArgument for names and values that AWS could not pass on.
Result<nlohmann::json> secret_document(const InstanceSpec& spec);

/// Where that object is. The version makes that a revision keeps its values when the app gets
/// others.
struct SecretPlace {
  std::string arn;
  std::string version;
};

/// RegisterTaskDefinition's parameters for a revision: one container on Fargate, a read-only root,
/// no capability, deploy-time values only as references to `secret` (unused when there are none).
/// The same revision gives the same, with its digest in a tag. InvalidArgument, naming field, value
/// and remedy, for what AWS would refuse.
Result<nlohmann::json> task_definition(const InstanceSpec& spec, const Settings& settings,
                                       const Names& names, const SecretPlace& secret);

}  // namespace pixell::engine::ecs
