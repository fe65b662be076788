#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace pixell::model {

/// The highest priority of a listener's rule (ELB's API_CreateRule).
inline constexpr int kMaxRulePriority = 50'000;

/// Where an app's requests come in when a load balancer of AWS has a rule for it: for as long as
/// the app is there.
struct RulePlace {
  std::string app_id;
  std::string listener;  ///< ARN
  int priority = 0;      ///< of the first of its two rules; the other has the next
  bool operator==(const RulePlace&) const = default;
};

/// A listener that may have rules of apps.
struct RuleListener {
  std::string arn;
  std::size_t max_apps = 0;  ///< that may have their rules there, those that have them included
  std::set<int> taken{};     ///< priorities that others use there
};

/// How an app is reached through a load balancer, as it is told to people. What is not known (yet)
/// is empty.
struct BalancerView {
  std::string load_balancer{};  ///< ARN
  std::string listener{};       ///< ARN
  std::string dns_name{};       ///< of the load balancer
  std::string url{};            ///< where the agent answers
  std::vector<int> priorities{};
  std::string waits_for{};  ///< why its requests still go by an earlier route
};

}  // namespace pixell::model
