#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "par/observe/limits.hpp"

namespace pixell::par {

/// Random ids in hex. Fetches randomness from the kernel for many ids at once.
class IdSource {
 public:
  virtual ~IdSource() = default;
  /// Fills `hex` (an even number of characters) with lower-case hex digits that are not all zero.
  virtual void fill(std::span<char> hex);

 private:
  std::array<unsigned char, kIdPoolBytes> pool_{};
  std::size_t left_ = 0;
};

}  // namespace pixell::par
