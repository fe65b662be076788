#pragma once

#include <cstdint>

namespace pixell {

/// The same byte eight times.
constexpr std::uint64_t every_byte(std::uint64_t byte) { return byte * 0x0101010101010101; }

/// True when none of eight bytes needs a closer look before it stands in a JSON string: no control
/// character, quote, backslash, and nothing beyond ASCII. Now and then it is false for bytes that
/// are plain.
constexpr bool are_plain(std::uint64_t eight) {
  const std::uint64_t quotes = eight ^ every_byte('"');
  const std::uint64_t backslashes = eight ^ every_byte('\\');
  const std::uint64_t found =
      (eight - every_byte(0x20)) | (quotes - every_byte(1)) | (backslashes - every_byte(1)) | eight;
  return (found & every_byte(0x80)) == 0;
}

}  // namespace pixell
