#pragma once

#include "base/result.hpp"
#include "engine/ecs/steps.hpp"
#include "model/scaling.hpp"

// Application Auto Scaling of a slot's service. Who the service belongs to decides whose its
// scaling is: a scalable target has no name of its own.

namespace pixell::engine::ecs {

/// Makes the slot's service, which is there, a scalable target with our policy, or what differs of
/// them.
Result<void> ensure_scaling(const Work& work, const model::Scaling& scaling, bool is_suspended);

/// Takes the slot's scalable target away, and our policy first. What is gone is success.
Result<void> remove_scaling(const Work& work);

}  // namespace pixell::engine::ecs
