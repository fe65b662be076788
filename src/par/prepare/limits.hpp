#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"

namespace pixell::prepare {

/// The JSON spec on stdin.
inline constexpr std::size_t kMaxSpecBytes = 1024 * 1024;
/// The process that reads a package: memory of its own, and what it may answer.
inline constexpr std::uint64_t kMaxReaderMemoryBytes = std::uint64_t{1} << 30;
inline constexpr std::size_t kMaxReadingBytes = 32 * 1024 * 1024;
/// What is kept of an installer's output, and how many of its last lines become evidence.
inline constexpr std::size_t kMaxOutputBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kEvidenceLines = 15;
/// pip's report holds the whole metadata of every package.
inline constexpr std::size_t kMaxReportBytes = std::size_t{64} << 20;
/// Ending what a program left behind: one generation of processes in each round.
inline constexpr int kKillRounds = 1000;
/// An installer goes before par and par-prepare when memory runs out; they say why then.
inline constexpr int kInstallerOomScore = 500;
/// Of each process that may run strangers' code: descriptors, what its files are not open to, and
/// the size of a file; of its user: processes.
inline constexpr std::uint64_t kInstallerOpenFiles = 4096;
inline constexpr unsigned kInstallerUmask = 0077;
inline constexpr std::uint64_t kMaxInstalledFileBytes = std::uint64_t{8} << 30;
inline constexpr std::uint64_t kInstallerProcesses = 1024;
/// How deep the directories of an installed environment nest.
inline constexpr int kMaxInstalledDepth = 64;
/// What is read of a program to see what it is made for.
inline constexpr std::size_t kProgramHeadBytes = 64 * 1024;
/// Asking an interpreter who it is.
inline constexpr Millis kInterpreterTimeout{15'000};
/// The files of a package whose build decides the dependencies, and how much of one counts by its
/// content; of a longer one size and time do.
inline constexpr std::size_t kMaxProjectFiles = 50'000;
inline constexpr std::uint64_t kMaxHashedFileBytes = 1024 * 1024;

/// What a store of environments keeps when nobody says otherwise (ENV_STORE_MAX_MB,
/// ENV_STORE_MAX_IDLE_DAYS).
inline constexpr std::uint64_t kDefaultStoreBytes = std::uint64_t{20} << 30;
inline constexpr std::int64_t kMillisOfDay = 24 * 3600 * 1000;
inline constexpr Millis kDefaultStoreIdle{30 * kMillisOfDay};
/// A lease of a process of another machine, container or boot counts this long.
inline constexpr Millis kForeignLeaseAge{7 * kMillisOfDay};
/// A damaged environment is kept to be looked at.
inline constexpr Millis kDamagedAge{kMillisOfDay};
/// A lock that nobody has used is kept.
inline constexpr Millis kResolvedAge{365 * kMillisOfDay};

}  // namespace pixell::prepare
