#include "base/secret.hpp"

namespace pixell {

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  unsigned difference = left.size() == right.size() ? 0 : 1;
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto a = static_cast<unsigned char>(i < left.size() ? left[i] : 0);
    const auto b = static_cast<unsigned char>(right[i]);
    difference |= static_cast<unsigned>(a ^ b);
  }
  return difference == 0;
}

}  // namespace pixell
