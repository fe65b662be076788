#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "reconcile/app_view.hpp"

namespace pixell::reconcile {

bool has_ended(const model::Instance& instance);
/// Starting or ready: it counts for its revision.
bool is_live(const model::Instance& instance);

/// How long a revision waits for its next instance, after so many that ended soon in a row.
Millis restart_delay(int short_runs);

/// Why an instance ended: par's own word, else what the engine saw.
model::Failure failure_of(const model::Instance& instance);
/// Ended by somebody else after it had been started: the machine, an operator, a lost engine.
bool was_ended_from_outside(const model::Instance& instance);

/// Questions about the instances of one view, which it borrows.
class InstanceSet {
 public:
  explicit InstanceSet(const AppView& view) : view_(view) {}

  /// The recorded live instances of a revision, those first that are to stay longest: ready ones,
  /// of those the ones with traffic, of those the older ones.
  std::vector<const ObservedInstance*> live(std::int64_t revision) const;
  /// The first `count` of live() that are ready.
  std::vector<const ObservedInstance*> ready(std::int64_t revision, std::size_t count) const;
  int ready_count(std::int64_t revision) const;

  /// The recorded instance of a revision that ended last; null when none is there.
  const model::Instance* newest_ended(std::int64_t revision) const;

  /// True when the route in force names the address.
  bool is_routed(const std::string& address) const;
  /// The share that the route in force gives to a revision.
  int routed_weight(std::int64_t revision) const;

 private:
  const AppView& view_;
};

}  // namespace pixell::reconcile
