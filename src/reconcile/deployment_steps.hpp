#pragma once

#include <string_view>

#include "model/agent_app.hpp"

// The steps that a deployment shows to its caller.
namespace pixell::reconcile {

/// Moves a deployment's visible steps on: everything before `name` is done, `name` runs.
void advance_to(model::Deployment& deployment, std::string_view name, UnixMillis now);
/// True when the step was begun.
bool has_reached(const model::Deployment& deployment, std::string_view name);
/// Marks the step that runs as failed; those behind it were never begun.
void end_step(model::Deployment& deployment, UnixMillis now);

}  // namespace pixell::reconcile
