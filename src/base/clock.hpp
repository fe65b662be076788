#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace pixell {

using Millis = std::chrono::milliseconds;

/// Monotonic instant; only differences mean anything.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// Milliseconds since 1970 UTC, as stores and the wire carry times.
using UnixMillis = std::int64_t;

/// Time as a dependency. Code outside this file never asks the system directly.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual UnixMillis unix_now() const = 0;
};

/// The system's clock. The reference lives as long as the process.
const Clock& system_clock();

/// 2026-11-23T10:00:00.123Z for a UTC time.
std::string iso8601(UnixMillis time);

}  // namespace pixell
