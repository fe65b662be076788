#pragma once

#include "aws/error.hpp"
#include "base/clock.hpp"

namespace pixell::aws {

/// How long to wait before the attempt after `attempt` (from 1): a random part of a bound that
/// doubles with each attempt up to kMaxPause, from kFirstPause or, when throttled,
/// kFirstThrottledPause ("full jitter"). `random` is of [0, 1). Pure.
Millis full_jitter(Remedy remedy, int attempt, double random);

}  // namespace pixell::aws
