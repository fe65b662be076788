#pragma once

#include <span>

#include "base/random_pool.hpp"

namespace pixell::par {

/// Random ids in hex.
class IdSource {
 public:
  virtual ~IdSource() = default;
  /// Fills `hex` (an even number of characters) with lower-case hex digits that are not all zero.
  virtual void fill(std::span<char> hex);

 private:
  RandomPool random_;
};

}  // namespace pixell::par
