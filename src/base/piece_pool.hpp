#pragma once

#include <cstddef>

namespace pixell {

/// Memory for what comes and goes with each request. Pieces that were given back wait, by size, for
/// the next of that size on the same thread, up to kMaxPooledBytes in all; others come from the
/// heap and go there. Aligned as by malloc().
void* take_piece(std::size_t size);
/// `size` as it was taken with. On any thread.
void give_piece(void* piece, std::size_t size) noexcept;

/// Bytes that wait on this thread.
std::size_t pooled_bytes();

/// Objects of a class that derives from it live in such pieces.
struct Pooled {
  static void* operator new(std::size_t size) { return take_piece(size); }
  static void operator delete(void* piece, std::size_t size) noexcept { give_piece(piece, size); }
};

}  // namespace pixell
