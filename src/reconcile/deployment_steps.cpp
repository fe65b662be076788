#include "reconcile/deployment_steps.hpp"

namespace pixell::reconcile {

using model::StepState;

void advance_to(model::Deployment& deployment, std::string_view name, UnixMillis now) {
  deployment.state = model::DeploymentState::Processing;
  if (deployment.started_at == 0) deployment.started_at = now;
  bool is_before = true;
  for (model::DeploymentStep& step : deployment.steps) {
    const bool is_it = step.name == name;
    if (is_it) is_before = false;
    if (!is_before && !is_it) continue;
    if (step.started_at == 0) step.started_at = now;
    if (is_it && step.state == StepState::Pending) step.state = StepState::Processing;
    if (is_before && step.state != StepState::Completed) {
      step.state = StepState::Completed;
      step.completed_at = now;
    }
  }
}

bool has_reached(const model::Deployment& deployment, std::string_view name) {
  for (const model::DeploymentStep& step : deployment.steps)
    if (step.name == name) return step.state != StepState::Pending;
  return false;
}

void end_step(model::Deployment& deployment, UnixMillis now) {
  for (model::DeploymentStep& step : deployment.steps) {
    if (step.state == StepState::Completed) continue;
    step.state = StepState::Failed;
    if (step.started_at == 0) step.started_at = now;
    step.completed_at = now;
    return;  // those behind it were never begun
  }
}

}  // namespace pixell::reconcile
