#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "aws/services.hpp"
#include "engine/ecs/difference.hpp"

namespace pixell::engine::ecs {

/// A call that would change something.
struct PlannedChange {
  std::string action;    ///< "ecs UpdateService"
  std::string resource;  ///< its name, or its ARN where there is no name
  std::string kind;      ///< create, replace, update, delete
  std::vector<Difference> differences;
};

/// AWS as the steps of a sync see it, of which nothing is changed: what looks is asked, what would
/// change is recorded and answered as if it were done, and looking at what is not there yet is
/// answered from that. For one sync, in one thread.
class PlanningServices final : public aws::Services {
 public:
  using Services::Services;

  aws::Answer<nlohmann::json> call(std::string_view service, std::string_view action,
                                   const nlohmann::json& parameters,
                                   const Options& options) override;

  const std::vector<PlannedChange>& changes() const { return changes_; }
  /// The parameters of a planned action, in order.
  std::vector<nlohmann::json> asked(std::string_view action) const;

 private:
  nlohmann::json record(std::string_view service, std::string_view action,
                        const nlohmann::json& parameters);
  aws::Answer<nlohmann::json> look_at_planned(std::string_view service, std::string_view action,
                                              const nlohmann::json& parameters,
                                              const Options& options);
  nlohmann::json found(const std::string& known_as, const std::string& identity) const;

  std::vector<PlannedChange> changes_;
  std::vector<std::pair<std::string, nlohmann::json>> asked_;  // by action
  std::vector<nlohmann::json> seen_;                           // answers, the latest last
  std::map<std::string, nlohmann::json> tags_;                 // of what is planned, by ARN
};

}  // namespace pixell::engine::ecs
