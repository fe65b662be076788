#include "base/piece_pool.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/limits.hpp"

namespace pixell {
namespace {

TEST(PiecePool, GivesPiecesThatDoNotOverlap) {
  std::vector<std::pair<unsigned char*, std::size_t>> pieces;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 1; size <= kMaxPieceBytes + 200; size += 37) {
      auto* piece = static_cast<unsigned char*>(take_piece(size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece) % alignof(std::max_align_t), 0u);
      std::memset(piece, static_cast<int>(size & 0xff), size);
      pieces.emplace_back(piece, size);
    }
    for (const auto& [piece, size] : pieces)
      for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(piece[i], size & 0xff) << size;
    for (const auto& [piece, size] : pieces) give_piece(piece, size);
    pieces.clear();
  }
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(PiecePool, GivesTheOneOfThatSizeThatCameBackLast) {
  void* const first = take_piece(100);
  void* const second = take_piece(100);
  give_piece(first, 100);
  give_piece(second, 100);

  EXPECT_EQ(take_piece(128), second) << "sizes are rounded up";
  void* const other = take_piece(129);
  EXPECT_NE(other, first);
  EXPECT_EQ(take_piece(97), first);

  give_piece(other, 129);
  give_piece(first, 97);
  give_piece(second, 128);
}
#endif

TEST(PiecePool, TakesPiecesOfOtherThreadsAndGoesWithItsThread) {
  void* piece = take_piece(64);
  std::thread([&piece] {
    give_piece(piece, 64);
    piece = take_piece(32);
  }).join();
  give_piece(piece, 32);
}

TEST(PiecePool, HoldsNoMoreThanItMay) {
  std::vector<void*> pieces;
  for (std::size_t i = 0; i < 2 * kMaxPooledBytes / kMaxPieceBytes; ++i)
    pieces.push_back(take_piece(kMaxPieceBytes));
  for (void* piece : pieces) give_piece(piece, kMaxPieceBytes);

  EXPECT_LE(pooled_bytes(), kMaxPooledBytes);
}

TEST(PieceAllocator, HoldsStringsAndVectorsOfAnySize) {
  PieceString text;
  PieceVector<int> numbers;
  for (int i = 0; i < 5000; ++i) {
    text += static_cast<char>('a' + i % 26);
    numbers.push_back(i);
  }
  const PieceVector<int> copy = numbers;
  const PieceString moved = std::move(text);

  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(moved[static_cast<std::size_t>(i)], 'a' + i % 26);
    ASSERT_EQ(copy[static_cast<std::size_t>(i)], i);
  }
}

TEST(Pooled, LetsAnObjectDieByItsBase) {
  struct Base {
    virtual ~Base() = default;
  };
  struct Object final : Base, Pooled {
    explicit Object(int& count) : alive(count) { ++alive; }
    ~Object() override { --alive; }
    int& alive;
    char rest[300] = {};
  };
  int alive = 0;
  std::unique_ptr<Base> object = std::make_unique<Object>(alive);
  EXPECT_EQ(alive, 1);
  object.reset();
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace pixell
