#include "edge/balancer.hpp"

#include <algorithm>

namespace pixell::edge {

namespace {

using Targets = std::span<TargetState* const>;

constexpr std::uint32_t kWhole = 1'000;
constexpr std::size_t kNone = std::size_t(-1);

// 0 to bound - 1, without a division.
std::size_t below(std::uint32_t random, std::size_t bound) {
  return std::size_t((std::uint64_t{random} * bound) >> 32);
}

// The dice as numbers that do not depend on each other.
std::uint32_t first(std::uint64_t dice) { return std::uint32_t(dice >> 32); }
std::uint32_t second(std::uint64_t dice) { return std::uint32_t(dice); }
std::uint32_t third(std::uint64_t dice) {
  return std::uint32_t((dice * 0x9e3779b97f4a7c15ULL) >> 32);
}

bool may_take(const TargetState& target, const PickInput& input) {
  return target.is_usable(input.now) && !input.tried.has(&target);
}

// What a target gets of its share, in permille.
std::uint32_t share_of(const TargetState& target, const PickInput& input) {
  const auto age = input.now - target.since();
  if (age >= input.slow_start) return kWhole;
  const auto grown = std::uint32_t(age * kWhole / input.slow_start);
  return std::max(grown, kSlowStartPermille);
}

// The less loaded of two. A newer one stands back for the other as often as its share says.
std::size_t better(Targets targets, std::size_t a, std::size_t b, const PickInput& input) {
  const bool is_b_better = targets[b]->outstanding() < targets[a]->outstanding();
  const std::size_t best = is_b_better ? b : a;
  const std::size_t other = is_b_better ? a : b;
  const std::uint32_t share = share_of(*targets[best], input);
  if (share == kWhole) return best;
  const std::uint32_t others = share_of(*targets[other], input);
  if (share >= others) return best;
  return below(third(input.dice), others) < share ? best : other;
}

template <class Condition>
std::size_t count(Targets targets, Condition condition) {
  std::size_t n = 0;
  for (const TargetState* target : targets) n += condition(*target) ? 1 : 0;
  return n;
}

// The nth of those that meet a condition. Another loop may have changed a mark since they were
// counted; then kNone.
template <class Condition>
std::size_t nth(Targets targets, std::size_t n, Condition condition) {
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (condition(*targets[i]) && n-- == 0) return i;
  return kNone;
}

template <class Condition>
std::size_t any(Targets targets, const PickInput& input, Condition condition) {
  const std::size_t n = count(targets, condition);
  return n == 0 ? kNone : nth(targets, below(first(input.dice), n), condition);
}

std::size_t best_usable(Targets targets, const PickInput& input) {
  const auto is_free = [&](const TargetState& target) { return may_take(target, input); };
  const std::size_t n = count(targets, is_free);
  if (n == 0) return kNone;
  const std::size_t i = below(first(input.dice), n);
  const std::size_t a = nth(targets, i, is_free);
  if (n == 1) return a;
  const std::size_t j = below(second(input.dice), n - 1);
  const std::size_t b = nth(targets, j < i ? j : j + 1, is_free);
  return a == kNone || b == kNone ? a : better(targets, a, b, input);
}

Pick pick_of(Targets targets, std::size_t index, bool is_panic) {
  if (index == kNone) return {};
  return {.target = targets[index], .index = index, .is_panic = is_panic};
}

// Some are out or tried. Not inlined, so that the usual case has no registers to save for it.
[[gnu::noinline]] Pick pick_among_all(Targets targets, const PickInput& input) {
  const std::size_t ejected =
      count(targets, [&](const TargetState& target) { return target.is_ejected(input.now); });
  if (ejected * 100 <= kMaxEjectedPercent * targets.size()) {
    const std::size_t usable = best_usable(targets, input);
    if (usable != kNone) return pick_of(targets, usable, false);
  }
  const std::size_t left = any(targets, input, [&](const TargetState& target) {
    return !target.is_unhealthy() && !input.tried.has(&target);
  });
  if (left != kNone || !input.tried.is_empty()) return pick_of(targets, left, true);
  return pick_of(targets, below(first(input.dice), targets.size()), true);
}

}  // namespace

Pick pick_target(Targets targets, const PickInput& input) {
  if (targets.size() == 1) {
    if (input.tried.has(targets[0])) return {};
    return pick_of(targets, 0, !targets[0]->is_usable(input.now));
  }
  if (targets.empty()) return {};
  const std::size_t i = below(first(input.dice), targets.size());
  const std::size_t j = below(second(input.dice), targets.size() - 1);
  const std::size_t other = j < i ? j : j + 1;
  if (may_take(*targets[i], input) && may_take(*targets[other], input))
    return pick_of(targets, better(targets, i, other, input), false);
  return pick_among_all(targets, input);
}

}  // namespace pixell::edge
