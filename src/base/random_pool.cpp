#include "base/random_pool.hpp"

#include <sys/random.h>

#include <cerrno>

#include "base/check.hpp"

namespace pixell {

std::span<const unsigned char> RandomPool::take(std::size_t count) {
  CHECK(count <= bytes_.size(), "an id is shorter than the pool");
  if (left_ < count) fill();
  left_ -= count;
  return std::span<const unsigned char>(bytes_).subspan(left_, count);
}

void RandomPool::fill() {
  std::size_t got = 0;
  while (got < bytes_.size()) {
    const ssize_t more = ::getrandom(bytes_.data() + got, bytes_.size() - got, 0);
    CHECK(more > 0 || errno == EINTR, "getrandom fails for no reason but a signal");
    if (more > 0) got += static_cast<std::size_t>(more);
  }
  left_ = bytes_.size();
}

}  // namespace pixell
