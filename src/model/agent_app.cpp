#include "model/agent_app.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace pixell::model {

namespace {

template <class E, std::size_t N>
using Names = std::array<std::pair<E, std::string_view>, N>;

constexpr Names<DeploymentState, 5> kDeploymentStates = {{
    {DeploymentState::Queued, "queued"},
    {DeploymentState::Processing, "processing"},
    {DeploymentState::Completed, "completed"},
    {DeploymentState::Failed, "failed"},
    {DeploymentState::RolledBack, "rolled_back"},
}};
constexpr Names<DeploymentKind, 2> kDeploymentKinds = {{
    {DeploymentKind::Deploy, "deploy"},
    {DeploymentKind::Rollback, "rollback"},
}};
constexpr Names<StepState, 4> kStepStates = {{
    {StepState::Pending, "pending"},
    {StepState::Processing, "processing"},
    {StepState::Completed, "completed"},
    {StepState::Failed, "failed"},
}};
constexpr Names<InstancePhase, 5> kInstancePhases = {{
    {InstancePhase::Starting, "starting"},
    {InstancePhase::Ready, "ready"},
    {InstancePhase::Draining, "draining"},
    {InstancePhase::Stopped, "stopped"},
    {InstancePhase::Failed, "failed"},
}};

template <class E, std::size_t N>
std::string_view name_of(const Names<E, N>& names, E value) {
  for (const auto& [known, name] : names)
    if (known == value) return name;
  return "unknown";
}

template <class E, std::size_t N>
std::optional<E> value_of(const Names<E, N>& names, std::string_view name) {
  for (const auto& [value, known] : names)
    if (known == name) return value;
  return std::nullopt;
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

Result<void> check_app_id(std::string_view id) {
  bool is_valid = !id.empty() && id.size() <= 63 && is_letter_or_digit(id.front());
  for (char c : id) is_valid = is_valid && (is_letter_or_digit(c) || c == '_' || c == '-');
  if (is_valid) return {};
  return make_error(ErrorCode::InvalidArgument,
                    fmt::format("agentAppId '{}' is not valid: use 1 to 63 letters, digits, '_' or "
                                "'-', starting with a letter or digit",
                                id.substr(0, 80)));
}

std::string_view to_string(DeploymentState state) { return name_of(kDeploymentStates, state); }
std::optional<DeploymentState> parse_deployment_state(std::string_view name) {
  return value_of(kDeploymentStates, name);
}
std::string_view to_string(DeploymentKind kind) { return name_of(kDeploymentKinds, kind); }
std::optional<DeploymentKind> parse_deployment_kind(std::string_view name) {
  return value_of(kDeploymentKinds, name);
}
std::string_view to_string(StepState state) { return name_of(kStepStates, state); }
std::optional<StepState> parse_step_state(std::string_view name) {
  return value_of(kStepStates, name);
}
std::string_view to_string(InstancePhase phase) { return name_of(kInstancePhases, phase); }
std::optional<InstancePhase> parse_instance_phase(std::string_view name) {
  return value_of(kInstancePhases, name);
}

std::vector<DeploymentStep> new_deployment_steps() {
  std::vector<DeploymentStep> steps;
  for (std::string_view name : {kStepValidate, kStepStore, kStepStart, kStepRoute, kStepFinalize})
    steps.push_back({.name = std::string(name)});
  return steps;
}

}  // namespace pixell::model
