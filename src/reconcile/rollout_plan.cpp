#include "reconcile/rollout_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pixell::reconcile {

namespace {

using model::kWholeTraffic;

std::vector<model::CanaryStep> stages_of(const model::Deployment& deployment) {
  const model::Strategy& strategy = deployment.strategy;
  if (strategy.kind == model::StrategyKind::Canary) return strategy.steps;
  if (strategy.kind == model::StrategyKind::BlueGreen && strategy.bake_seconds > 0)
    return {{.weight_permille = kWholeTraffic, .seconds = strategy.bake_seconds}};
  return {};
}

int weight_at(const std::vector<model::CanaryStep>& stages, int stage) {
  if (stage < 0) return 0;
  return stage < int(stages.size()) ? stages[std::size_t(stage)].weight_permille : kWholeTraffic;
}

// Nobody else has traffic that could be taken over step by step.
bool is_alone(const RolloutFacts& facts) {
  return model::weight_of(facts.base, facts.deployment.revision) == kWholeTraffic ||
         model::leading_revision(facts.base) == 0;
}

bool takes_traffic(const RolloutFacts& facts) {
  // The pin keeps traffic where it is, and a first deployment has nowhere else to be.
  const bool is_held = !facts.deployment.moves_traffic || facts.base.is_pinned;
  return facts.deployment.kind == model::DeploymentKind::Rollback || !is_held ||
         model::leading_revision(facts.base) == 0;
}

// Rolling: the share follows the instances.
int share_of_ready(const RolloutFacts& facts) {
  if (facts.deployment.strategy.kind != model::StrategyKind::Rolling) return 0;
  return std::min(facts.ready, facts.wanted) * kWholeTraffic / facts.wanted;
}

}  // namespace

int instances_for(int wanted, int weight_permille) {
  return std::max(1, (wanted * weight_permille + kWholeTraffic - 1) / kWholeTraffic);
}

RolloutTarget rollout_target(const RolloutFacts& facts, UnixMillis now) {
  const model::RolloutProgress& progress = facts.deployment.rollout;
  // An aborted one that is still open waits until the former revision can serve again.
  const bool is_held = progress.is_paused || progress.is_aborted;
  RolloutTarget target{.instances = facts.wanted, .takes_traffic = takes_traffic(facts)};
  if (!target.takes_traffic || is_alone(facts)) {
    target.is_last = true;
    target.weight = target.takes_traffic ? kWholeTraffic : 0;
    target.is_reached = facts.ready >= facts.wanted && !is_held;
    return target;
  }
  const std::vector<model::CanaryStep> stages = stages_of(facts.deployment);
  const int last = int(stages.size());
  target.stage = std::max(progress.stage, 0);
  if (progress.is_promoted) {
    target.stage = last;
  } else if (progress.stage >= 0 && progress.stage < last) {
    const std::int64_t seconds = stages[std::size_t(progress.stage)].seconds;
    const std::int64_t left = seconds * 1'000 - model::held_ms(progress, now);
    if (left <= 0)
      target.stage = progress.stage + 1;
    else if (!is_held)
      target.look_again_at = now + left;
  }
  target.is_last = target.stage == last;
  const int weight = weight_at(stages, target.stage);
  target.instances = instances_for(facts.wanted, weight);
  const bool is_ready = facts.ready >= target.instances;
  if (is_held)
    target.weight = facts.routed_weight;
  else if (is_ready || (progress.stage == target.stage && facts.ready > 0))
    target.weight = weight;
  else if (facts.ready > 0)  // a share it has is not taken back because one of several is replaced
    target.weight = std::max({weight_at(stages, progress.stage), share_of_ready(facts),
                              std::min(facts.routed_weight, weight)});
  target.is_reached = target.weight == weight && is_ready && !is_held;
  return target;
}

model::Traffic traffic_meanwhile(const RolloutFacts& facts, const RolloutTarget& target) {
  const std::int64_t revision = facts.deployment.revision;
  if (!target.takes_traffic) return facts.base;
  if (is_alone(facts)) return model::all_to(facts.base, revision);
  model::Traffic traffic = target.weight == model::weight_of(facts.base, revision)
                               ? facts.base
                               : model::with_weight(facts.base, revision, target.weight);
  if (!stages_of(facts.deployment).empty() && facts.ready > 0)
    traffic = model::with_tag(traffic, revision, model::kCandidateTag);
  return traffic;
}

model::Traffic traffic_at_end(const RolloutFacts& facts, const RolloutTarget& target) {
  const model::Deployment& deployment = facts.deployment;
  model::Traffic traffic =
      target.takes_traffic ? model::all_to(facts.base, deployment.revision) : facts.base;
  if (!deployment.tag.empty())
    traffic = model::with_tag(traffic, deployment.revision, deployment.tag);
  return traffic;
}

std::optional<model::Failure> unhealthy(const model::HealthLimits& limits,
                                        const TrafficMeasured& measured) {
  if (measured.requests < limits.min_requests) return std::nullopt;
  if (measured.errors * 1'000 > limits.max_error_permille * measured.requests)
    return model::make_failure(
        model::Cause::Unhealthy,
        fmt::format("{} of {} requests to the new revision failed: more than {} in 1000",
                    measured.errors, measured.requests, limits.max_error_permille),
        {fmt::format("errors: {} permille", measured.errors * 1'000 / measured.requests)});
  if (limits.max_p95_ms > 0 && measured.p95_ms > limits.max_p95_ms)
    return model::make_failure(
        model::Cause::Unhealthy,
        fmt::format("the new revision needs {} ms for 95 of 100 requests: more than {} ms",
                    measured.p95_ms, limits.max_p95_ms),
        {fmt::format("requests measured: {}", measured.requests)});
  return std::nullopt;
}

}  // namespace pixell::reconcile
