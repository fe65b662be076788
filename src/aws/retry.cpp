#include "aws/retry.hpp"

#include <algorithm>

#include "aws/limits.hpp"

namespace pixell::aws {

Millis full_jitter(Remedy remedy, int attempt, double random) {
  Millis bound = remedy == Remedy::WaitLonger ? kFirstThrottledPause : kFirstPause;
  for (int each = 1; each < attempt && bound < kMaxPause; ++each) bound *= 2;
  bound = std::min(bound, kMaxPause);
  return Millis(static_cast<Millis::rep>(static_cast<double>(bound.count()) * random));
}

}  // namespace pixell::aws
