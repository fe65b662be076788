#include "reconcile/app_schedule.hpp"

#include <algorithm>

#include "reconcile/limits.hpp"

namespace pixell::reconcile {

Millis pass_backoff(int failures, std::minstd_rand& random) {
  Millis delay = kPassBackoff;
  for (int i = 1; i < failures && delay < kMaxPassBackoff; ++i) delay *= 2;
  delay = std::min(delay, kMaxPassBackoff);
  const auto quarter = delay.count() / 4;
  return delay + Millis(std::uniform_int_distribution<Millis::rep>(-quarter, quarter)(random));
}

}  // namespace pixell::reconcile
