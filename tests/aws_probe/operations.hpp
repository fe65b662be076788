#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "aws/transport.hpp"
#include "engine/engine.hpp"

namespace pixell::probe {

/// The real outside; with PROBE_STALL_MS in the environment nobody answers later than that, and
/// pauses before another attempt are a hundredth: for tests that fail every call.
aws::Outside probe_outside();

/// {"op": "sign" or "presign", "access_key", "secret_key", "session_token", "region", "service",
/// "time" (ms), "s3" (bool), "life" (s), "method", "path", "query", "headers", "payload_hash" or
/// "body"}: the query and headers with what signing added, and what was signed.
nlohmann::json sign_request(const nlohmann::json& asked);

/// {"op": "s3.get", "s3.head", "s3.put", "s3.delete" or "s3.list", "bucket", "key", "body",
/// "must_be_new", "prefix"}, with the credentials, region and endpoint of the environment.
nlohmann::json use_s3(const nlohmann::json& asked);

/// {"op": "call", "service", "action", "parameters"}: the service's answer as JSON.
nlohmann::json call_service(const nlohmann::json& asked);

/// {"op": "ecs.task_definition", "settings" (the operator's environment), "installation", "spec",
/// "secret": {"arn", "version"}}: RegisterTaskDefinition's parameters. {"op": "ecs.ensure",
/// "settings", "installation", "spec", "slot", "tasks", "rule_priority", "open" (steps that began
/// before)}: the place, the steps that began, the results
/// of those that ended, and the open ones. {"op": "ecs.mirror",
/// "settings", "installation", "spec"}: what was told to Cloud Map. {"op": "ecs.plan"} asked as
/// "ecs.ensure": its quotas and changes. {"op": "ecs.usage", "address"}: what the par there says
/// that it uses.
nlohmann::json use_ecs(const nlohmann::json& asked);

/// An engine on ECS that lives from line to line. {"op": "engine.open", "settings", "state_dir"}
/// closes the one before; {"op": "engine.ensure", "spec"}; {"op": "engine.stop", "id",
/// "grace_ms"}; {"op": "engine.remove", "id"}; {"op": "engine.list"}, which looks.
class EngineSession {
 public:
  nlohmann::json use(const nlohmann::json& asked);

 private:
  std::unique_ptr<engine::Engine> engine_{};
};

/// {"op": "rollout", "agents", "calls": [[service, action]] of one agent's sync, "workers",
/// "latency_ms", "share" (of the published rates that AWS gives us), "seed"}: how long a roll-out
/// takes with the clients' rate limiter and pauses, against a model of AWS's buckets, in a time
/// that only the model moves.
nlohmann::json simulate_rollout(const nlohmann::json& asked);

/// {"op": "rates", "calls"}: by bucket its "burst", "per_second" and how many of the calls it pays.
nlohmann::json list_rates(const nlohmann::json& asked);

/// {"op": "idle_looks", "agents", "state_dir", "first_looks", "looks"}: an engine with so many apps
/// of one task each, on an ECS in memory, looks so often after it has bound all of them. How many
/// are "ready", the calls of each of the "looks" by action, and the pause between two, "every_ms".
nlohmann::json look_at_idle_services(const nlohmann::json& asked);

/// {"op": "actions"}: the table, as [service, action] pairs.
nlohmann::json list_actions();

}  // namespace pixell::probe
