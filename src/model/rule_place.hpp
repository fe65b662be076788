#pragma once

#include <string>

namespace pixell::model {

/// Where an app's requests come in when a load balancer of AWS has a rule for it: for as long as
/// the app is there.
struct RulePlace {
  std::string app_id;
  std::string listener;  ///< ARN
  int priority = 0;      ///< of the first of its two rules; the other has the next
  bool operator==(const RulePlace&) const = default;
};

}  // namespace pixell::model
