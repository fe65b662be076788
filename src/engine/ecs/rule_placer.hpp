#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "aws/services.hpp"
#include "base/result.hpp"
#include "engine/ecs/settings.hpp"
#include "model/rule_place.hpp"

namespace pixell::engine::ecs {

/// Who remembers where the rules of apps are, for their life: the caller's store. Safe from any
/// thread.
class RuleBook {
 public:
  virtual ~RuleBook() = default;
  virtual Result<std::optional<model::RulePlace>> find(const std::string& app_id) = 0;
  /// The app's place; a new one in that listener if it has none. ResourceExhausted without room.
  virtual Result<model::RulePlace> place(const std::string& app_id,
                                         const model::RuleListener& listener) = 0;
  virtual Result<std::vector<model::RulePlace>> all() = 0;
};

/// Spreads apps over several load balancers: each app's rules are in one listener, and stay there.
/// A load balancer leads to 100 target groups at most, which no quota raises; an app needs four
/// while its slots change. So many apps have room as stay below 85 of them and 100 rules, with what
/// others use. Safe from any thread.
class RulePlacer {
 public:
  /// `aws` and `book` outlive this; the settings have listeners.
  RulePlacer(aws::Services& aws, RuleBook& book, Settings settings)
      : aws_(aws), book_(book), settings_(std::move(settings)) {}

  /// Where the app's rules belong. ResourceExhausted, with the remedy and before anything is made,
  /// when every load balancer is full; FailedPrecondition when the app is in one that the settings
  /// do not have any more.
  Result<model::RulePlace> place(const std::string& app_id, std::stop_token stop = {});

 private:
  Result<model::RuleListener> room_of(const std::string& listener,
                                      const std::vector<model::RulePlace>& places,
                                      const std::stop_token& stop);

  aws::Services& aws_;
  RuleBook& book_;
  const Settings settings_;
};

}  // namespace pixell::engine::ecs
