#include "net/http2_memory.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/piece_pool.hpp"

namespace pixell::net {

namespace {

// Stands before each piece, as who gives one back does not say how long it is.
constexpr std::size_t kSizeRoom = alignof(std::max_align_t);
static_assert(kSizeRoom >= sizeof(std::size_t));

std::size_t size_of(const void* piece) {
  std::size_t size;
  std::memcpy(&size, static_cast<const char*>(piece) - kSizeRoom, sizeof size);
  return size;
}

void* take(std::size_t size, void*) {
  auto* whole = static_cast<char*>(take_piece(kSizeRoom + size));
  std::memcpy(whole, &size, sizeof size);
  return whole + kSizeRoom;
}

void give(void* piece, void*) {
  if (piece != nullptr)
    give_piece(static_cast<char*>(piece) - kSizeRoom, kSizeRoom + size_of(piece));
}

void* take_zeroed(std::size_t count, std::size_t each, void*) {
  std::size_t size = 0;
  if (__builtin_mul_overflow(count, each, &size)) return nullptr;
  return std::memset(take(size, nullptr), 0, size);
}

void* resize(void* piece, std::size_t size, void*) {
  if (piece == nullptr) return take(size, nullptr);
  const std::size_t before = size_of(piece);
  if (size <= before) return piece;
  void* const larger = take(size, nullptr);
  std::memcpy(larger, piece, before);
  give(piece, nullptr);
  return larger;
}

}  // namespace

nghttp2_mem* http2_memory() {
  static nghttp2_mem memory{nullptr, take, give, take_zeroed, resize};
  return &memory;
}

}  // namespace pixell::net
