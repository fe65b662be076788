#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace pixell {

/// Publishes an immutable value to other threads. A reader keeps the value it got for as long as
/// it likes. (A mutex, not std::atomic<shared_ptr>: TSan reports the latter in libstdc++ 12.)
template <class T>
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  std::shared_ptr<const T> get() const {
    std::lock_guard lock(mutex_);
    return value_;
  }
  void set(std::shared_ptr<const T> value) {
    std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }

 private:
  mutable std::mutex mutex_;  // guards value_
  std::shared_ptr<const T> value_;
};

}  // namespace pixell
