#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

// Internal to net: what bytes the parts of an HTTP/1 head may have. The checks of whole texts are
// declared in http1_parser.hpp.

namespace pixell::net {

/// Which bytes are letters, digits or one of `extra`.
constexpr std::array<bool, 256> make_table(std::string_view extra) {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    table[std::size_t(c)] =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  for (const char c : extra) table[static_cast<unsigned char>(c)] = true;
  return table;
}

/// Bytes of a token (RFC 9110 5.6.2).
inline constexpr auto kTokenBytes = make_table("!#$%&'*+-.^_`|~");

/// What the compiler makes one vector register of.
using Sixteen [[gnu::vector_size(16)]] = unsigned char;
static_assert(std::endian::native == std::endian::little, "bytes are counted from the lowest");
inline constexpr unsigned char kSpace = ' ', kTab = '\t', kDelete = 0x7f;

inline bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < kSpace && byte != kTab) || byte == kDelete;
}

/// The first control byte but HTAB in [at, end), or `end`.
inline const char* find_control(const char* at, const char* end) {
  for (; end - at >= std::ptrdiff_t(sizeof(Sixteen)); at += sizeof(Sixteen)) {
    Sixteen bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    const auto found = ((bytes < kSpace) & (bytes != kTab)) | (bytes == kDelete);
    std::array<std::uint64_t, 2> halves;
    std::memcpy(halves.data(), &found, sizeof halves);
    if (halves[0] != 0) return at + std::countr_zero(halves[0]) / 8;
    if (halves[1] != 0) return at + 8 + std::countr_zero(halves[1]) / 8;
  }
  while (at != end && !is_control(*at)) ++at;
  return at;
}

}  // namespace pixell::net
