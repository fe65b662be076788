#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/ecs/planning_services.hpp"
#include "engine/ecs/service_sync.hpp"
#include "model/scaling.hpp"

namespace pixell::engine::ecs {

/// How much of a quota there is, and how much a plan needs besides.
struct Quota {
  std::string name;
  std::int64_t used = 0;
  std::int64_t added = 0;
  std::int64_t most = 0;
  std::int64_t unit = 1;  ///< so many of the three are one: 1024 of vCPUs
  std::string note{};     ///< what has to be known about `most`
  bool is_enough() const { return used + added <= most; }
};

/// What a sync would do.
struct Plan {
  std::vector<Quota> quotas;  ///< of what would be made; counted now
  std::vector<PlannedChange> changes;
};

/// With whom a plan is made.
struct PlanParts {
  aws::Outside outside;
  aws::Environment environment;  ///< credentials, region and endpoints
  Settings settings;
  Names names;
};

/// What ServiceSync::ensure would change, and of an app with scaling its scalable target and policy
/// as they are outside a rollout, by running both without sending the changes. Errors are theirs:
/// what they would refuse, the plan refuses.
Result<Plan> plan_service(const PlanParts& parts, const Aim& aim,
                          const std::optional<model::Scaling>& scaling = {},
                          std::stop_token stop = {});

/// The slot whose service has this revision; the other one when only another revision is there,
/// and A when nothing is.
Result<Slot> slot_of(const PlanParts& parts, const std::string& app_id, std::int64_t revision,
                     std::stop_token stop = {});

/// {"quotas": [{"name", "used", "added", "most", "is_enough", "note"?}], "changes": [{"action",
/// "resource", "change", "differences": [{"field", "is", "wanted"}]}]}
nlohmann::json to_json(const Plan& plan);

}  // namespace pixell::engine::ecs
