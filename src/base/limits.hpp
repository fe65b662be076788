#pragma once

#include <cstddef>

namespace pixell {

/// One text value of a log line; the rest is cut.
inline constexpr std::size_t kMaxLogValueBytes = 16 * 1024;

/// A file read whole into memory (configuration, reports, exit records).
inline constexpr std::size_t kMaxSmallFileBytes = 16 * 1024 * 1024;

/// Jobs waiting in one thread pool before submit() refuses.
inline constexpr std::size_t kMaxQueuedJobs = 10'000;

/// Random bytes fetched at once for ids.
inline constexpr std::size_t kRandomPoolBytes = 512;

/// Pieces of memory that a thread keeps for its next requests: the largest of them, and all
/// together.
inline constexpr std::size_t kMaxPieceBytes = 2 * 1024;
inline constexpr std::size_t kMaxPooledBytes = 1024 * 1024;

}  // namespace pixell
