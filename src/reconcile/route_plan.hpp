#pragma once

#include <vector>

#include "model/agent_app.hpp"
#include "model/routes.hpp"

namespace pixell::reconcile {

/// True when both routes send the same shares to the same instances.
bool same_legs(const std::vector<model::RouteLeg>& a, const std::vector<model::RouteLeg>& b);

/// What the edge gets of an app's routing beside these legs. While no revision has a share of the
/// traffic (before a first deployment has completed), a legacy target has all requests, whatever
/// its weight: nothing else can answer. A mirror needs a leg of its revision. Without legs and
/// legacy target, or while the app is being deleted, there is nothing to reach and nothing to ask.
model::Routing routing_beside(const model::AgentApp& app, const std::vector<model::RouteLeg>& legs);

}  // namespace pixell::reconcile
