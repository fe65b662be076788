#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/ecs/steps.hpp"

// Listener rules and target groups as AWS describes them.

namespace pixell::engine::ecs {

/// A target group in a rule, and its share: 0 to 999, of the sum of all.
struct Leg {
  std::string arn;
  int weight = 0;
  bool operator==(const Leg&) const = default;
};

/// The legs of a described rule, and a rule's actions with these.
std::vector<Leg> legs_in(const nlohmann::json& rule);
nlohmann::json actions_of(const std::vector<Leg>& legs);

/// The load balancer of a listener: ".../loadbalancer/app/<name>/<id>" of
/// ".../listener/app/<name>/<id>/<listener>".
std::string balancer_of(std::string listener);

/// A listener's rules but its default one.
Result<std::vector<nlohmann::json>> rules_of(const Work& work, const std::string& listener);

/// Tags of rules or target groups by ARN, in as many calls as it takes. An error of the service
/// when one of them is gone.
Result<std::map<std::string, Tags>> tags_of(const Work& work, const std::vector<std::string>& arns);

/// The target group of a name, or null.
Result<nlohmann::json> find_target_group(const Work& work, const std::string& name);

/// The name that the target group of a slot and surface has with the settings of now.
std::string target_group_name(const Work& work, Slot slot, Surface surface);

/// Whether a load balancer would send requests there.
Result<bool> has_healthy_target(const Work& work, const std::string& target_group);

}  // namespace pixell::engine::ecs
