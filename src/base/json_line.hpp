#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/plain_text.hpp"

// Parts of a JSON line, put where `out` points; each gives where it ended. There must be room.

namespace pixell {

/// Room that put_text() needs beyond the text it does not cut: an ellipsis and an escape.
inline constexpr std::size_t kTextReserve = 9;

template <std::size_t N>
char* put(char* out, const char (&text)[N]) {
  std::memcpy(out, text, N - 1);
  return out + N - 1;
}

inline char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

inline char* put_three(char* out, std::uint32_t number) {
  out[0] = static_cast<char>('0' + number / 100);
  out[1] = static_cast<char>('0' + number / 10 % 10);
  out[2] = static_cast<char>('0' + number % 10);
  return out + 3;
}

/// Any number; put_number() is quicker for short ones.
char* put_digits(char* out, std::uint64_t number);

inline char* put_number(char* out, std::uint64_t number) {
  if (number < 10) {
    *out = static_cast<char>('0' + number);
    return out + 1;
  }
  if (number >= 100 && number < 1000) return put_three(out, static_cast<std::uint32_t>(number));
  return put_digits(out, number);
}

/// Milliseconds with three digits behind the point.
inline char* put_millis(char* out, std::chrono::nanoseconds duration) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)) / 1000;
  out = put_number(out, us / 1000);
  *out++ = '.';
  return put_three(out, static_cast<std::uint32_t>(us % 1000));
}

/// Seconds with six digits behind the point.
inline char* put_seconds(char* out, std::chrono::nanoseconds duration) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)) / 1000;
  out = put_number(out, us / 1'000'000);
  *out++ = '.';
  out = put_three(out, static_cast<std::uint32_t>(us / 1000 % 1000));
  return put_three(out, static_cast<std::uint32_t>(us % 1000));
}

/// The form for texts that are too long or hold something that has to be escaped.
char* put_escaped(char* out, std::string_view text, std::size_t room);

namespace json_line {

using pixell::are_plain;

inline bool are_plain(std::uint32_t four) { return are_plain(std::uint64_t{four} << 32 | four); }

// What the compiler makes one vector register of.
using Sixteen [[gnu::vector_size(16)]] = signed char;

inline bool are_plain(Sixteen bytes) {
  // Bytes beyond ASCII are negative.
  const Sixteen found = (bytes < ' ') | (bytes == '"') | (bytes == '\\');
  std::uint64_t halves[2];
  std::memcpy(halves, &found, sizeof halves);
  return (halves[0] | halves[1]) == 0;
}

inline bool are_plain(std::uint16_t two) {
  return are_plain(static_cast<std::uint32_t>(two << 16 | two));
}

inline bool are_plain(std::uint8_t byte) {
  return are_plain(static_cast<std::uint16_t>(byte << 8 | byte));
}

// Copies one piece of a text. False when it needs a closer look.
template <class Piece>
bool put_piece(char* out, const char* text) {
  Piece piece;
  std::memcpy(&piece, text, sizeof piece);
  std::memcpy(out, &piece, sizeof piece);
  return are_plain(piece);
}

// A text of one to two pieces: its first and its last bytes, which may overlap.
template <class Piece>
bool put_two(char* out, const char* text, std::size_t size) {
  const std::size_t last = size - sizeof(Piece);
  return put_piece<Piece>(out, text) && put_piece<Piece>(out + last, text + last);
}

// Copies a text that needs no escapes; false when it has what does.
inline bool put_plain(char* out, const char* text, std::size_t size) {
  constexpr std::size_t kStep = sizeof(Sixteen);
  if (size > 2 * kStep) {
    for (std::size_t i = 0; i + kStep <= size; i += kStep)
      if (!put_piece<Sixteen>(out + i, text + i)) return false;
    return put_piece<Sixteen>(out + size - kStep, text + size - kStep);
  }
  if (size >= kStep) return put_two<Sixteen>(out, text, size);
  if (size >= 8) return put_two<std::uint64_t>(out, text, size);
  if (size >= 4) return put_two<std::uint32_t>(out, text, size);
  if (size >= 2) return put_two<std::uint16_t>(out, text, size);
  return size == 0 || put_piece<std::uint8_t>(out, text);
}

}  // namespace json_line

/// The inside of a JSON string: escaped, bytes that are not UTF-8 as U+FFFD, and cut with an
/// ellipsis so that it takes at most `room` bytes.
inline char* put_text(char* out, std::string_view text, std::size_t room) {
  if (text.size() <= room - kTextReserve && json_line::put_plain(out, text.data(), text.size()))
    return out + text.size();
  return put_escaped(out, text, room);
}

}  // namespace pixell
