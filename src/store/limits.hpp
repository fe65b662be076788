#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace pixell::store {

/// The database file never grows beyond this; a write that needs more is ResourceExhausted.
inline constexpr std::int64_t kMaxDatabaseBytes = 64LL * 1024 * 1024 * 1024;

/// How long a statement waits for another process's lock before it is Unavailable; so long, too, a
/// write waits for the writes before it.
inline constexpr Millis kBusyTimeout{2'000};

/// Pages in the write-ahead log from which on they are copied to the database file, and with how
/// many of them writers have to wait for that.
inline constexpr std::int64_t kCheckpointPages = 1'000;
inline constexpr std::int64_t kMaxLogPages = 8'000;

/// A database file up to this size is checked as a whole when it is opened (about 7 ms per MiB).
inline constexpr std::uintmax_t kMaxCheckedBytes = 32 * 1024 * 1024;

/// Rows one listing returns at most.
inline constexpr std::size_t kMaxListedRows = 10'000;

/// Finished steps kept in the journal; older ones are dropped.
inline constexpr std::int64_t kMaxFinishedSteps = 10'000;

/// How long an idempotency key is remembered.
inline constexpr Millis kIdempotencyKeyLife{24 * 3'600'000};
/// How long a request may take to be answered before its key is free for another try.
inline constexpr Millis kReservationLife{60'000};

/// Prepared statements one connection keeps.
inline constexpr std::size_t kMaxCachedStatements = 128;

}  // namespace pixell::store
