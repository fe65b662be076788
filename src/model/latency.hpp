#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pixell::model {

/// Latencies are counted in buckets whose upper bounds are 1 ms * 2^(i/2), up to 65.5 s; one more
/// bucket holds what took longer.
inline constexpr std::size_t kLatencyBounds = 33;
inline constexpr std::size_t kLatencyBuckets = kLatencyBounds + 1;
using LatencyCounts = std::array<std::int64_t, kLatencyBuckets>;

/// The upper bound of a bucket below kLatencyBounds, in microseconds.
std::int64_t latency_bound_us(std::size_t bucket);

/// The bucket of a latency.
std::size_t latency_bucket(std::chrono::nanoseconds latency);

/// The latency in milliseconds, rounded up, that `percent` of what was counted did not exceed:
/// interpolated within its bucket; the highest bound for what took longer; 0 when nothing was
/// counted.
std::int64_t latency_percentile_ms(const LatencyCounts& counts, int percent);

}  // namespace pixell::model
