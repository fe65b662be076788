#pragma once

#include <atomic>
#include <cstdint>

namespace pixell {

/// A number that one loop writes and any thread reads: no lock, no locked instruction.
class LoopCounter {
 public:
  void operator+=(std::int64_t more) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  void operator++() { *this += 1; }
  void operator--() { *this += -1; }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

}  // namespace pixell
