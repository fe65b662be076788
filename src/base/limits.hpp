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

}  // namespace pixell
