#include "par/observe/id_source.hpp"

#include <algorithm>

namespace pixell::par {

void IdSource::fill(std::span<char> hex) {
  constexpr char kDigits[] = "0123456789abcdef";
  do {
    const std::span<const unsigned char> bytes = random_.take(hex.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      hex[2 * i] = kDigits[bytes[i] >> 4];
      hex[2 * i + 1] = kDigits[bytes[i] & 15];
    }
  } while (std::ranges::all_of(hex, [](char c) { return c == '0'; }));
}

}  // namespace pixell::par
