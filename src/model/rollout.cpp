#include "model/rollout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace pixell::model {

namespace {

constexpr std::array<std::pair<StrategyKind, std::string_view>, 3> kStrategies = {{
    {StrategyKind::Rolling, "rolling"},
    {StrategyKind::Canary, "canary"},
    {StrategyKind::BlueGreen, "blue_green"},
}};
constexpr std::array<std::pair<RolloutCommand, std::string_view>, 4> kCommands = {{
    {RolloutCommand::Pause, "pause"},
    {RolloutCommand::Resume, "resume"},
    {RolloutCommand::Promote, "promote"},
    {RolloutCommand::Abort, "abort"},
}};

}  // namespace

std::string_view to_string(StrategyKind kind) {
  for (const auto& [known, name] : kStrategies)
    if (known == kind) return name;
  return "unknown";
}

std::optional<StrategyKind> parse_strategy_kind(std::string_view name) {
  for (const auto& [kind, known] : kStrategies)
    if (known == name) return kind;
  return std::nullopt;
}

std::string_view to_string(RolloutCommand command) {
  for (const auto& [known, name] : kCommands)
    if (known == command) return name;
  return "unknown";
}

std::vector<CanaryStep> usual_canary_steps() {
  return {{.weight_permille = 50, .seconds = 60},
          {.weight_permille = 250, .seconds = 60},
          {.weight_permille = 500, .seconds = 60}};
}

Millis stages_of(const Strategy& strategy) {
  std::int64_t seconds = strategy.kind == StrategyKind::BlueGreen ? strategy.bake_seconds : 0;
  if (strategy.kind == StrategyKind::Canary)
    for (const CanaryStep& step : strategy.steps) seconds += step.seconds;
  return Millis(seconds * 1'000);
}

nlohmann::json to_json(const Strategy& strategy) {
  nlohmann::json json = {{"type", to_string(strategy.kind)},
                         {"max_error_permille", strategy.health.max_error_permille},
                         {"max_p95_ms", strategy.health.max_p95_ms},
                         {"min_requests", strategy.health.min_requests}};
  if (strategy.kind == StrategyKind::BlueGreen) json["bake_seconds"] = strategy.bake_seconds;
  if (strategy.kind == StrategyKind::Canary) {
    json["steps"] = nlohmann::json::array();
    for (const CanaryStep& step : strategy.steps)
      json["steps"].push_back(
          {{"weight_permille", step.weight_permille}, {"seconds", step.seconds}});
  }
  return json;
}

Result<Strategy> strategy_from_json(const nlohmann::json& json) try {
  const auto kind = parse_strategy_kind(json.at("type").get<std::string>());
  if (!kind) return make_error(ErrorCode::InvalidArgument, "a strategy has an unknown type");
  Strategy strategy{.kind = *kind};
  if (json.contains("steps"))
    for (const auto& step : json["steps"])
      strategy.steps.push_back({.weight_permille = step.at("weight_permille").get<int>(),
                                .seconds = step.at("seconds").get<std::int64_t>()});
  strategy.bake_seconds = json.value("bake_seconds", std::int64_t{0});
  const HealthLimits usual;
  strategy.health = {
      .max_error_permille = json.value("max_error_permille", usual.max_error_permille),
      .max_p95_ms = json.value("max_p95_ms", usual.max_p95_ms),
      .min_requests = json.value("min_requests", usual.min_requests)};
  return strategy;
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a strategy: {}", wrong.what()));
}

RolloutProgress after(const RolloutProgress& progress, RolloutCommand command, UnixMillis now) {
  RolloutProgress changed = progress;
  switch (command) {
    case RolloutCommand::Pause:
      changed.stage_held_ms = held_ms(progress, now);
      changed.is_paused = true;
      break;
    case RolloutCommand::Resume:
      if (progress.is_paused) changed.stage_started_at = now;
      changed.is_paused = false;
      break;
    case RolloutCommand::Promote:
      changed.is_promoted = true;
      changed.is_paused = false;
      break;
    case RolloutCommand::Abort:
      changed.is_aborted = true;
      break;
  }
  return changed;
}

std::int64_t held_ms(const RolloutProgress& progress, UnixMillis now) {
  if (progress.stage < 0) return 0;
  if (progress.is_paused) return progress.stage_held_ms;
  // A clock that was set back must not take time away.
  return progress.stage_held_ms + std::max<std::int64_t>(now - progress.stage_started_at, 0);
}

nlohmann::json to_json(const RolloutProgress& progress) {
  return {{"stage", progress.stage},
          {"stage_started_at", progress.stage_started_at},
          {"stage_held_ms", progress.stage_held_ms},
          {"measured_since", progress.measured_since},
          {"paused", progress.is_paused},
          {"promoted", progress.is_promoted},
          {"aborted", progress.is_aborted}};
}

Result<RolloutProgress> rollout_progress_from_json(const nlohmann::json& json) try {
  return RolloutProgress{.stage = json.at("stage").get<int>(),
                         .stage_started_at = json.at("stage_started_at").get<UnixMillis>(),
                         .stage_held_ms = json.at("stage_held_ms").get<std::int64_t>(),
                         .measured_since = json.at("measured_since").get<UnixMillis>(),
                         .is_paused = json.at("paused").get<bool>(),
                         .is_promoted = json.at("promoted").get<bool>(),
                         .is_aborted = json.at("aborted").get<bool>()};
} catch (const nlohmann::json::exception& wrong) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a progress: {}", wrong.what()));
}

}  // namespace pixell::model
