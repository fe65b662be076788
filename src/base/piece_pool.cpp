#include "base/piece_pool.hpp"

#include <array>
#include <new>
#include <utility>

#include "base/limits.hpp"

namespace pixell {

namespace {

constexpr std::size_t kStep = 32;
constexpr std::size_t kSizes = kMaxPieceBytes / kStep;

struct Piece {
  Piece* next;
};

// Trivial, so that reaching it costs nothing.
struct Pool {
  std::array<Piece*, kSizes> pieces;  // by size; the one given back last comes first
  std::size_t bytes;                  // that wait
  bool is_gone;                       // with its thread
};
constinit thread_local Pool pool{};

struct Cleaner {
  ~Cleaner() {
    pool.is_gone = true;
    for (Piece*& first : pool.pieces)
      while (first != nullptr) ::operator delete(std::exchange(first, first->next));
  }
  // Makes the thread run the destructor at its end.
  void touch() {}
};
thread_local Cleaner cleaner;

// The sanitizer is to see every piece come and go.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kIsUsed = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kIsUsed = false;
#else
constexpr bool kIsUsed = true;
#endif
#else
constexpr bool kIsUsed = true;
#endif

bool is_pooled(std::size_t size) { return kIsUsed && size - 1 < kMaxPieceBytes; }
std::size_t index_of(std::size_t size) { return (size - 1) / kStep; }

}  // namespace

void* take_piece(std::size_t size) {
  if (!is_pooled(size)) return ::operator new(size);
  const std::size_t index = index_of(size);
  Piece*& first = pool.pieces[index];
  if (first == nullptr) return ::operator new((index + 1) * kStep);
  pool.bytes -= (index + 1) * kStep;
  return std::exchange(first, first->next);
}

void give_piece(void* piece, std::size_t size) noexcept {
  if (piece == nullptr) return;
  const std::size_t index = index_of(size);
  if (!is_pooled(size) || pool.is_gone || pool.bytes > kMaxPooledBytes - (index + 1) * kStep)
    return ::operator delete(piece);
  if (pool.bytes == 0) cleaner.touch();
  pool.bytes += (index + 1) * kStep;
  pool.pieces[index] = new (piece) Piece{pool.pieces[index]};
}

std::size_t pooled_bytes() { return pool.bytes; }

}  // namespace pixell
