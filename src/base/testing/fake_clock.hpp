#pragma once

#include <atomic>

#include "base/clock.hpp"

namespace pixell {

/// A clock that moves only when a test says so. Safe to read from other threads.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(UnixMillis start = 1'700'000'000'000) : unix_(start) {}
  Instant now() const override { return Instant(std::chrono::nanoseconds(Millis(unix_.load()))); }
  UnixMillis unix_now() const override { return unix_.load(); }
  void advance(Millis step) { unix_ += step.count(); }

 private:
  std::atomic<UnixMillis> unix_;
};

}  // namespace pixell
