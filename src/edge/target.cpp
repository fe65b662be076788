#include "edge/target.hpp"

#include <algorithm>
#include <set>

#include "base/check.hpp"
#include "edge/limits.hpp"

namespace pixell::edge {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::int64_t nanos(Millis time) { return std::chrono::nanoseconds(time).count(); }

}  // namespace

TargetState::TargetState(net::Address address, Instant since, std::shared_ptr<TargetEvents> events)
    : since_(ticks(since)), address_(std::move(address)), events_(std::move(events)) {}

bool TargetState::was_used(Instant now, Millis window) const {
  const std::int64_t used = last_used_.load(kRelaxed);
  return used != 0 && ticks(now) - used <= nanos(window);
}

void TargetState::begin(Instant now) {
  outstanding_.fetch_add(1, kRelaxed);
  // Written now and then only, so that loops do not take the line from each other more than once a
  // request.
  if (ticks(now) - last_used_.load(kRelaxed) > nanos(kUsedResolution))
    last_used_.store(ticks(now), kRelaxed);
}

void TargetState::clear() {
  failures_.store(0, kRelaxed);
  ejections_.store(0, kRelaxed);
  ejected_until_.store(0, kRelaxed);
  end_verdict();
}

void TargetState::end_verdict() {
  misses_.store(0, kRelaxed);
  is_unhealthy_.store(false, kRelaxed);
}

bool TargetState::failed(TargetFailure failure, Instant now) {
  const bool is_taken_out = count_failure(failure, now);
  if (!is_suspect_.exchange(true, kRelaxed) && events_->on_suspect) events_->on_suspect();
  return is_taken_out;
}

bool TargetState::count_failure(TargetFailure failure, Instant now) {
  bool is_taken_out = false;
  if (failure == TargetFailure::NotReady) {
    is_taken_out = eject(now, kNotReadyEjection);
  } else if (failure != TargetFailure::Slow) {
    const int failures = failures_.fetch_add(1, kRelaxed) + 1;
    const bool is_enough = failure == TargetFailure::Refused || failures >= kClosedToEject;
    // What was under way at an ejected target fails too; that says nothing new.
    if (is_enough && !is_ejected(now)) {
      const int count = ejections_.fetch_add(1, kRelaxed) + 1;
      is_taken_out = eject(now, std::min(kEjectionStep * count, kMaxEjection));
    }
  }
  return is_taken_out;
}

bool TargetState::eject(Instant now, Millis time) {
  const std::int64_t until = ticks(now) + nanos(time);
  std::int64_t before = ejected_until_.load(kRelaxed);
  while (before < until && !ejected_until_.compare_exchange_weak(before, until, kRelaxed)) {
  }
  // Of loops that eject it together one finds it in rotation: an ejection is counted once.
  if (before > ticks(now)) return false;
  events_->ejections.fetch_add(1, kRelaxed);
  return true;
}

void TargetState::probe_found_not_ready(Instant now) {
  end_verdict();
  eject(now, kNotReadyEjection);
}

void TargetState::probe_refused(Instant now) {
  count_failure(TargetFailure::Refused, now);
  eject(now, kNotReadyEjection);
}

void TargetState::probe_missed() {
  if (misses_.fetch_add(1, kRelaxed) + 1 >= kMaxProbeMisses) is_unhealthy_.store(true, kRelaxed);
}

TargetRegistry::TargetRegistry(const Clock& clock, std::function<void()> on_suspect)
    : clock_(clock), events_(std::make_shared<TargetEvents>()) {
  events_->on_suspect = std::move(on_suspect);
}

std::shared_ptr<const TargetSet> TargetRegistry::targets_for(const RouteTable& table) {
  const Instant now = clock_.now();
  auto targets = std::make_shared<TargetSet>();
  std::set<const TargetState*> seen;
  const std::lock_guard lock(mutex_);
  const auto add = [&](const Leg& leg) {
    CHECK(leg.slot == targets->begins_.size(), "slots count the legs of a table in order");
    targets->begins_.push_back(targets->flat_.size());
    for (const net::Address& address : leg.targets) {
      auto [at, is_new] = known_.try_emplace(address.text);
      if (is_new) at->second.state = std::make_shared<TargetState>(address, now, events_);
      at->second.is_routed = true;
      targets->flat_.push_back(at->second.state.get());
      if (seen.insert(at->second.state.get()).second) targets->all_.push_back(at->second.state);
    }
  };
  for (const AgentRoute& route : table.routes()) {
    for (const Leg& leg : route.legs) add(leg);
    if (route.legacy) add(*route.legacy);
  }
  targets->begins_.push_back(targets->flat_.size());
  return targets;
}

void TargetRegistry::keep_only(const TargetSet& used) {
  std::set<const TargetState*> routed;
  for (const auto& state : used.all()) routed.insert(state.get());
  const std::lock_guard lock(mutex_);
  for (auto& [address, known] : known_) known.is_routed = routed.contains(known.state.get());
  std::erase_if(known_, [](const auto& entry) {
    return !entry.second.is_routed && entry.second.state->outstanding() == 0;
  });
}

TargetFigures TargetRegistry::figures() const {
  const Instant now = clock_.now();
  TargetFigures figures{.ejections = events_->ejections.load(kRelaxed)};
  const std::lock_guard lock(mutex_);
  for (const auto& [address, known] : known_) {
    figures.outstanding += known.state->outstanding();
    if (!known.is_routed) continue;
    ++figures.targets;
    figures.ejected += known.state->is_ejected(now) ? 1 : 0;
    figures.unhealthy += known.state->is_unhealthy() ? 1 : 0;
  }
  return figures;
}

}  // namespace pixell::edge
