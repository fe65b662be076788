#pragma once

#include <cstddef>

#include "base/clock.hpp"

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

/// Log lines that come with each request wait in pieces of this many bytes, or for kLogDelay after
/// the first.
inline constexpr std::size_t kLogBufferBytes = 64 * 1024;
inline constexpr Millis kLogDelay{100};
/// One such line, its newline included: what a pipe takes in one piece on every system (PIPE_BUF).
inline constexpr std::size_t kMaxLogLine = 4096;
/// Of it, what lines begin with: time and bound fields.
inline constexpr std::size_t kMaxLogLineHead = 512;
/// Full buffers of all loops that wait for a slow reader; more lines are dropped and counted.
inline constexpr std::size_t kMaxWaitingLogBuffers = 32;
/// Empty buffers that are kept for the next burst.
inline constexpr std::size_t kMaxSpareLogBuffers = 4;
/// How long the last lines may take to be written when the program ends.
inline constexpr Millis kLogStopTimeout{2'000};
/// How often a full pipe is looked at.
inline constexpr Millis kLogPoll{50};

}  // namespace pixell
