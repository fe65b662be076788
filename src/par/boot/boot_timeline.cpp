#include "par/boot/boot_timeline.hpp"

#include <algorithm>

namespace pixell::par {

namespace {

double millis_between(Instant from, Instant to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

void BootTimeline::enter(std::string_view phase, Instant now) {
  finish(now);
  current_ = phase;
}

void BootTimeline::finish(Instant now) {
  if (!current_.empty()) {
    const double millis = millis_between(entered_, now);
    const auto same = std::ranges::find(phases_, current_, &model::BootPhase::name);
    if (same == phases_.end())
      phases_.push_back({.name = current_, .millis = millis});
    else
      same->millis += millis;
  }
  entered_ = now;
  current_.clear();
}

double BootTimeline::total_ms() const { return millis_between(start_, entered_); }

}  // namespace pixell::par
