#pragma once

#include <optional>

#include "reconcile/app_view.hpp"
#include "reconcile/steps.hpp"

namespace pixell::reconcile {

/// How many ready instances a revision with all the traffic should have: what the settings say, or
/// within their bounds what the engine wants that scales the app.
int wanted_instances(const AppView& view);

/// What the engine that scales apps is to be told of this one; none when it knows. While a
/// deployment is open, or the traffic is shared, the number stays as it is.
std::optional<ScaleApp> scaling_step(const AppView& view);

}  // namespace pixell::reconcile
