#include "reconcile/instance_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <tuple>

#include "reconcile/limits.hpp"

namespace pixell::reconcile {

using model::Cause;
using model::InstancePhase;

bool has_ended(const model::Instance& instance) {
  return instance.phase == InstancePhase::Stopped || instance.phase == InstancePhase::Failed;
}

bool is_live(const model::Instance& instance) {
  return instance.phase == InstancePhase::Starting || instance.phase == InstancePhase::Ready;
}

Millis restart_delay(int short_runs) {
  if (short_runs == 0) return Millis(0);
  Millis delay = kRestartBackoff;
  for (int i = 1; i < short_runs && delay < kMaxRestartBackoff; ++i) delay *= 2;
  return std::min(delay, kMaxRestartBackoff);
}

model::Failure failure_of(const model::Instance& instance) {
  if (instance.boot_report && instance.boot_report->failure) return *instance.boot_report->failure;
  if (instance.exit_signal != 0)
    return model::make_failure(
        Cause::Signalled, fmt::format("the instance was ended by signal {}", instance.exit_signal));
  return model::make_failure(Cause::Exited,
                             fmt::format("the instance ended with code {}", instance.exit_code));
}

bool was_ended_from_outside(const model::Instance& instance) {
  if (instance.started_at == 0) return false;
  const Cause cause = failure_of(instance).cause;
  return cause == Cause::EngineFailed ||
         (cause == Cause::Signalled &&
          (instance.exit_signal == SIGKILL || instance.exit_signal == SIGTERM));
}

std::vector<const ObservedInstance*> InstanceSet::live(std::int64_t revision) const {
  std::vector<const ObservedInstance*> found;
  for (const ObservedInstance& seen : view_.instances)
    if (seen.has_row && seen.instance.revision == revision && is_live(seen.instance))
      found.push_back(&seen);
  const auto rank = [&](const ObservedInstance* seen) {
    return std::make_tuple(seen->instance.phase != InstancePhase::Ready,
                           !is_routed(seen->instance.address), std::string_view(seen->instance.id));
  };
  std::sort(found.begin(), found.end(), [&](const ObservedInstance* a, const ObservedInstance* b) {
    return rank(a) < rank(b);
  });
  return found;
}

std::vector<const ObservedInstance*> InstanceSet::ready(std::int64_t revision,
                                                        std::size_t count) const {
  std::vector<const ObservedInstance*> found = live(revision);
  found.resize(std::min(found.size(), count));
  std::erase_if(found, [](const ObservedInstance* seen) {
    return seen->instance.phase != InstancePhase::Ready;
  });
  return found;
}

int InstanceSet::ready_count(std::int64_t revision) const {
  int count = 0;
  for (const ObservedInstance& seen : view_.instances)
    count += seen.has_row && seen.instance.revision == revision &&
             seen.instance.phase == InstancePhase::Ready;
  return count;
}

const model::Instance* InstanceSet::newest_ended(std::int64_t revision) const {
  const model::Instance* newest = nullptr;
  for (const ObservedInstance& seen : view_.instances)
    if (seen.has_row && seen.instance.revision == revision && has_ended(seen.instance) &&
        (newest == nullptr || newest->id < seen.instance.id))
      newest = &seen.instance;
  return newest;
}

bool InstanceSet::is_routed(const std::string& address) const {
  const auto& legs = view_.route.route.legs;
  return std::any_of(legs.begin(), legs.end(), [&](const model::RouteLeg& leg) {
    return std::find(leg.addresses.begin(), leg.addresses.end(), address) != leg.addresses.end();
  });
}

int InstanceSet::routed_weight(std::int64_t revision) const {
  int weight = 0;
  for (const model::RouteLeg& leg : view_.route.route.legs)
    if (leg.revision == revision && !leg.addresses.empty()) weight += leg.weight_permille;
  return weight;
}

}  // namespace pixell::reconcile
