#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/ecs/steps.hpp"

// Listings of everything that this installation has, by tags.

namespace pixell::engine::ecs {

/// A resource of this installation and of an app.
struct Owned {
  std::string kind;
  std::string resource;  ///< ARN
  std::string app_id;
  std::string listener{};  ///< of a rule
  std::string priority{};  ///< of a rule
  bool is_used = true;     ///< of a target group: by a load balancer or a service
};

inline constexpr const char* kRuleKind = "rule";
inline constexpr const char* kTargetGroupKind = "target group";

/// All of them. Of task definitions the latest of each family stands for all.
Result<std::vector<Owned>> everything_owned(const Work& work);

}  // namespace pixell::engine::ecs
