#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/limits.hpp"

namespace pixell {

/// Random bytes for ids, fetched from the kernel (getrandom) for many ids at once. Belongs to one
/// thread.
class RandomPool {
 public:
  /// The next `count` bytes, at most kRandomPoolBytes; valid until the next call.
  std::span<const unsigned char> take(std::size_t count);

 private:
  void fill();
  std::array<unsigned char, kRandomPoolBytes> bytes_{};
  std::size_t left_ = 0;
};

}  // namespace pixell
