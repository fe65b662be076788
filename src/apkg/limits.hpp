#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pixell::apkg {

/// Entries of one package, directories included.
inline constexpr std::uint64_t kMaxArchiveEntries = 50'000;

/// One unpacked file.
inline constexpr std::uint64_t kMaxUnpackedFileBytes = std::uint64_t{512} << 20;

/// All unpacked files together.
inline constexpr std::uint64_t kMaxUnpackedBytes = std::uint64_t{2} << 30;

/// Unpacked bytes for each byte of the package, judged once kUnjudgedUnpackedBytes are passed.
inline constexpr std::uint64_t kMaxUnpackRatio = 200;
inline constexpr std::uint64_t kUnjudgedUnpackedBytes = std::uint64_t{32} << 20;

/// Threads that unpack one package: at most one per core, and none without its share of work.
inline constexpr std::uint64_t kMaxUnpackThreads = 4;
inline constexpr std::uint64_t kUnpackBytesPerThread = std::uint64_t{1} << 20;

/// The path of one entry, and the directories in it.
inline constexpr std::size_t kMaxEntryPathBytes = 1024;
inline constexpr std::size_t kMaxEntryNameBytes = 255;
inline constexpr std::size_t kMaxEntryDepth = 64;

/// First bytes of a file that is no zip, shown as evidence.
inline constexpr std::size_t kShownHeadBytes = 40;

/// Findings told at once about one archive or directory.
inline constexpr std::size_t kMaxArchiveFindings = 50;

/// .apkgignore: its bytes and its patterns.
inline constexpr std::size_t kMaxIgnoreBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxIgnorePatterns = 1'000;

/// Warnings kept of one package; a further line tells that there were more.
inline constexpr std::size_t kMaxArchiveWarnings = 20;

/// A package file when nobody says otherwise (MAX_PACKAGE_SIZE_MB).
inline constexpr std::uint64_t kDefaultMaxPackageBytes = std::uint64_t{100} << 20;

/// agent.yaml: its bytes, how deep it nests, its nodes and aliases, findings reported at once.
inline constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxManifestDepth = 64;
inline constexpr std::size_t kMaxManifestNodes = 50'000;
inline constexpr std::size_t kMaxManifestFindings = 50;
inline constexpr std::size_t kMaxSubAgents = 1'000;
inline constexpr std::size_t kMaxEntryTextBytes = 512;

/// Files looked at to say where agent.yaml lies when it is not at the root.
inline constexpr std::size_t kMaxManifestNeighbours = 1'000;

/// Files that name dependencies (requirements.txt, pyproject.toml, setup.py), each, and how many
/// files may be included from requirements.txt.
inline constexpr std::size_t kMaxRequirementsBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxRequirementsFiles = 50;
/// Wheels and source archives of the package that those files name.
inline constexpr std::size_t kMaxLocalArchives = 1'000;

/// One download: attempts, time in all, first pause (doubled each time), redirects followed.
inline constexpr int kFetchAttempts = 3;
inline constexpr std::chrono::milliseconds kFetchTimeout{60'000};
inline constexpr std::chrono::milliseconds kFetchStall{15'000};  ///< an attempt without a byte
inline constexpr std::chrono::milliseconds kFetchFirstPause{300};
inline constexpr int kMaxFetchRedirects = 5;
inline constexpr std::size_t kMaxUrlBytes = 8 * 1024;

}  // namespace pixell::apkg
