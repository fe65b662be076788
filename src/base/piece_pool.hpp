#pragma once

#include <cstddef>
#include <string>
#include <vector>

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

/// Has strings and vectors live in such pieces.
template <class T>
struct PieceAllocator {
  using value_type = T;
  PieceAllocator() = default;
  template <class Other>
  // NOLINTNEXTLINE(google-explicit-constructor): as the standard asks of an allocator
  PieceAllocator(const PieceAllocator<Other>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(take_piece(count * sizeof(T))); }
  void deallocate(T* piece, std::size_t count) noexcept { give_piece(piece, count * sizeof(T)); }
  bool operator==(const PieceAllocator&) const { return true; }
};
using PieceString = std::basic_string<char, std::char_traits<char>, PieceAllocator<char>>;
template <class T>
using PieceVector = std::vector<T, PieceAllocator<T>>;

}  // namespace pixell
