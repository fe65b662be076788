#include "reconcile/route_plan.hpp"

#include <algorithm>
#include <tuple>

#include "model/traffic.hpp"

namespace pixell::reconcile {

bool same_legs(const std::vector<model::RouteLeg>& a, const std::vector<model::RouteLeg>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const model::RouteLeg& x, const model::RouteLeg& y) {
                      return std::tie(x.revision, x.weight_permille, x.tag, x.addresses) ==
                             std::tie(y.revision, y.weight_permille, y.tag, y.addresses);
                    });
}

model::Routing routing_beside(const model::AgentApp& app,
                              const std::vector<model::RouteLeg>& legs) {
  const bool has_legacy = !app.routing.legacy.address.empty();
  if (app.is_deleting || (legs.empty() && !has_legacy)) return {};
  model::Routing routing = app.routing;
  if (has_legacy && model::leading_revision(app.traffic) == 0)
    routing.legacy.weight_permille = model::kWholeTraffic;
  const bool is_mirrored = std::any_of(legs.begin(), legs.end(), [&](const model::RouteLeg& leg) {
    return leg.revision == routing.mirror.revision;
  });
  if (!is_mirrored) routing.mirror = {};
  return routing;
}

}  // namespace pixell::reconcile
