#include "par/observe/id_source.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "base/check.hpp"

namespace pixell::par {

void IdSource::fill(std::span<char> hex) {
  constexpr char kDigits[] = "0123456789abcdef";
  const std::size_t bytes = hex.size() / 2;
  CHECK(bytes <= pool_.size(), "an id is shorter than the pool");
  do {
    if (left_ < bytes) {
      std::size_t got = 0;
      while (got < pool_.size()) {
        const ssize_t more = ::getrandom(pool_.data() + got, pool_.size() - got, 0);
        CHECK(more > 0 || errno == EINTR, "getrandom fails for no reason but a signal");
        if (more > 0) got += static_cast<std::size_t>(more);
      }
      left_ = pool_.size();
    }
    for (std::size_t i = 0; i < bytes; ++i) {
      const unsigned char byte = pool_[--left_];
      hex[2 * i] = kDigits[byte >> 4];
      hex[2 * i + 1] = kDigits[byte & 15];
    }
  } while (std::ranges::all_of(hex, [](char c) { return c == '0'; }));
}

}  // namespace pixell::par
