#include "model/latency.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pixell::model {

namespace {

constexpr auto kBoundsUs = [] {
  std::array<std::int64_t, kLatencyBounds> bounds{};
  for (std::size_t i = 0; i < kLatencyBounds; ++i)
    bounds[i] = (i % 2 == 0 ? std::int64_t{1000} : std::int64_t{1414}) << (i / 2);
  return bounds;
}();

}  // namespace

std::int64_t latency_bound_us(std::size_t bucket) { return kBoundsUs[bucket]; }

std::size_t latency_bucket(std::chrono::nanoseconds latency) {
  const auto found = std::lower_bound(kBoundsUs.begin(), kBoundsUs.end(), latency.count() / 1000);
  return static_cast<std::size_t>(found - kBoundsUs.begin());
}

std::int64_t latency_percentile_ms(const LatencyCounts& counts, int percent) {
  const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (total == 0) return 0;
  const double wanted = static_cast<double>(total) * percent / 100;
  double below = 0;
  for (std::size_t i = 0; i < kLatencyBounds; ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= wanted) {
      const auto low = static_cast<double>(i == 0 ? 0 : kBoundsUs[i - 1]);
      const auto high = static_cast<double>(kBoundsUs[i]);
      const double at = low + (high - low) * (wanted - below) / here;
      return static_cast<std::int64_t>(std::ceil(at / 1000));
    }
    below += here;
  }
  return kBoundsUs.back() / 1000;
}

}  // namespace pixell::model
