#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace pixell {

void check_failed(const char* condition, const char* why, const char* file, int line) {
  std::fprintf(stderr, "CHECK failed: %s (%s) at %s:%d\n", condition, why, file, line);
  std::abort();
}

}  // namespace pixell
