#include "base/ids.hpp"

#include <sys/random.h>

#include <array>
#include <cstdint>

#include "base/check.hpp"

namespace pixell {

namespace {

constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kUlidSize = 26;

// The 48 bits of the time, most significant first.
void put_time(UnixMillis now, char* text) {
  auto time = static_cast<unsigned long long>(now);
  for (int i = 9; i >= 0; --i, time >>= 5) text[i] = kCrockford[time & 31];
}

template <std::size_t N>
std::array<unsigned char, N> random_bytes() {
  std::array<unsigned char, N> bytes{};
  const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
  CHECK(got == static_cast<ssize_t>(N), "getrandom gives up to 256 bytes without interruption");
  return bytes;
}

}  // namespace

std::string new_ulid(UnixMillis now) {
  std::string id(kUlidSize, '0');
  put_time(now, id.data());
  const auto random = random_bytes<16>();
  for (std::size_t i = 0; i < 16; ++i) id[10 + i] = kCrockford[random[i] & 31];
  return id;
}

bool is_ulid(std::string_view text) {
  return text.size() == kUlidSize && text.find_first_not_of(kCrockford) == std::string_view::npos;
}

std::string_view UlidSource::next(UnixMillis now) {
  if (now != stamped_) put_time(stamped_ = now, text_.data());
  const std::span<const unsigned char> random = random_.take(10);
  char* at = text_.data() + 10;
  for (std::size_t half = 0; half < 10; half += 5) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < 5; ++i) bits = bits << 8 | random[half + i];
    for (int shift = 35; shift >= 0; shift -= 5) *at++ = kCrockford[(bits >> shift) & 31];
  }
  return {text_.data(), text_.size()};
}

std::optional<std::array<char, 32>> ulid_in_hex(std::string_view text) {
  if (text.size() != kUlidSize || text.front() > '7') return std::nullopt;
  std::uint64_t high = 0, low = 0;
  for (const char c : text) {
    const auto digit = kCrockford.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    high = high << 5 | low >> 59;
    low = low << 5 | digit;
  }
  if ((high | low) == 0) return std::nullopt;
  std::array<char, 32> hex{};
  for (std::size_t i = 0; i < 16; ++i) {
    hex[15 - i] = "0123456789abcdef"[high >> (4 * i) & 15];
    hex[31 - i] = "0123456789abcdef"[low >> (4 * i) & 15];
  }
  return hex;
}

std::string new_short_id() {
  constexpr std::string_view kLetters = "abcdefghjkmnpqrstuvwxyz23456789z";
  static_assert(kLetters.size() == 32);
  std::string id;
  for (unsigned char byte : random_bytes<8>()) id += kLetters[byte & 31];
  return id;
}

}  // namespace pixell
