#include "base/ids.hpp"

#include <sys/random.h>

#include <array>

#include "base/check.hpp"

namespace pixell {

namespace {

constexpr std::string_view kCrockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kUlidSize = 26;

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
  auto time = static_cast<unsigned long long>(now);
  for (int i = 9; i >= 0; --i, time >>= 5) id[static_cast<std::size_t>(i)] = kCrockford[time & 31];
  const auto random = random_bytes<16>();
  for (std::size_t i = 0; i < 16; ++i) id[10 + i] = kCrockford[random[i] & 31];
  return id;
}

bool is_ulid(std::string_view text) {
  return text.size() == kUlidSize && text.find_first_not_of(kCrockford) == std::string_view::npos;
}

std::string new_short_id() {
  constexpr std::string_view kLetters = "abcdefghjkmnpqrstuvwxyz23456789z";
  static_assert(kLetters.size() == 32);
  std::string id;
  for (unsigned char byte : random_bytes<8>()) id += kLetters[byte & 31];
  return id;
}

}  // namespace pixell
