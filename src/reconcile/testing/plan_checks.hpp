#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "reconcile/planner.hpp"

namespace pixell::reconcile {

inline std::string texts(const Plan& planned) {
  std::string text;
  for (const Step& step : planned.steps) text += describe(step) + "; ";
  return text;
}

// The deployment whose end or next stage a step is.
inline std::string told_deployment(const Step& step) {
  if (const auto* advance = std::get_if<AdvanceRollout>(&step)) return advance->deployment_id;
  if (const auto* end = std::get_if<CompleteDeployment>(&step)) return end->deployment_id;
  if (const auto* end = std::get_if<FailDeployment>(&step)) return end->deployment_id;
  return {};
}

// No two steps about one thing, at most one route.
inline void check_steps(const Plan& planned) {
  std::set<std::string> subjects;
  int routes = 0;
  std::set<std::string> told;
  for (const Step& step : planned.steps) {
    routes += std::holds_alternative<PublishRoute>(step);
    if (const std::string id = told_deployment(step); !id.empty()) {
      EXPECT_TRUE(told.insert(id).second) << "two words about " << id;
    }
    std::string subject = describe(step);
    subject.erase(0, subject.find(' '));
    EXPECT_TRUE(subjects.insert(subject).second) << describe(step);
  }
  EXPECT_LE(routes, 1);
}

// True when one of the legs leads to the instance.
inline bool is_in(const std::vector<model::RouteLeg>& legs, const ObservedInstance& seen) {
  return std::any_of(legs.begin(), legs.end(), [&](const model::RouteLeg& leg) {
    return std::find(leg.addresses.begin(), leg.addresses.end(), seen.instance.address) !=
           leg.addresses.end();
  });
}

// What was asked of the routing is in force whenever there is something to reach.
inline void check_routing_at_rest(const AppView& view) {
  const model::Routing& wanted = view.app.routing;
  const model::Routing& routed = view.route.route.routing;
  const bool is_deployed = !view.app.traffic.legs.empty();
  const bool has_legacy = !wanted.legacy.address.empty();
  if (is_deployed || has_legacy) {
    EXPECT_EQ(routed.aliases, wanted.aliases);
  } else {
    EXPECT_EQ(routed, model::Routing());
  }
  EXPECT_EQ(routed.legacy.address, wanted.legacy.address);
  if (has_legacy) {
    EXPECT_EQ(routed.legacy.weight_permille,
              is_deployed ? wanted.legacy.weight_permille : model::kWholeTraffic);
  }
  const bool has_leg = model::refers_to(view.app.traffic, wanted.mirror.revision);
  EXPECT_EQ(routed.mirror, has_leg ? wanted.mirror : model::Mirror());
}

}  // namespace pixell::reconcile
