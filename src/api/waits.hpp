#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <shared_mutex>

#include "api/limits.hpp"

namespace pixell::api {

/// What requests share: how many of them hold a thread for long, and who works on package files.
class Waits {
 public:
  /// A place among the waiting; given back when it goes away. Null when all are taken.
  using Place = std::shared_ptr<void>;
  Place take() {
    if (taken_.fetch_add(1) < kMaxWaiting)
      return Place(this, [this](void*) { taken_.fetch_sub(1); });
    taken_.fetch_sub(1);
    return nullptr;
  }

  /// Shared by those who store a package's file and its row, exclusive for who removes both: a row
  /// never refers to a file that was removed in between.
  std::shared_mutex package_files;

 private:
  std::atomic<std::size_t> taken_ = 0;
};

}  // namespace pixell::api
