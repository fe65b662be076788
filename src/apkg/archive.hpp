#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apkg/checked.hpp"
#include "apkg/limits.hpp"

namespace pixell::apkg {

/// What an archive may be at most; the defaults are those of limits.hpp.
struct ArchiveLimits {
  std::uint64_t entries = kMaxArchiveEntries;
  std::uint64_t file_bytes = kMaxUnpackedFileBytes;
  std::uint64_t total_bytes = kMaxUnpackedBytes;
  std::uint64_t ratio = kMaxUnpackRatio;
  std::uint64_t unjudged_bytes = kUnjudgedUnpackedBytes;  ///< below this, any ratio is fine
};

struct ArchiveEntry {
  std::string path;         ///< relative, '/' between names, no "." or "..", no slash at the end
  std::uint64_t bytes = 0;  ///< unpacked, as the archive says; checked again while unpacking
  bool is_directory = false;
  bool is_executable = false;
  std::uint64_t index = 0;  ///< position in the archive
};

/// What is in an archive whose every entry may safely be unpacked.
struct ArchiveListing {
  std::vector<ArchiveEntry> entries;
  std::uint64_t unpacked_bytes = 0;
  std::vector<std::string> warnings;  ///< names that differ only in case, one sentence each

  std::vector<std::string> files() const;  ///< the paths of all files, in archive order
};

/// Reads the table of contents and judges every entry. Failures: PackageNotFound, NotAZip,
/// UnsafeArchive (absolute path, "..", backslash, drive, link, device, duplicate, encrypted) and
/// PackageTooLarge; each names the first entry that is wrong, in archive order.
Checked<ArchiveListing> inspect_archive(const std::filesystem::path& archive,
                                        const ArchiveLimits& limits = {});

/// What can be told of an archive without unpacking it, right or wrong.
struct ArchiveSurvey {
  /// All that inspect_archive() would refuse, entry by entry, at most kMaxArchiveFindings.
  std::vector<model::Failure> findings;
  ArchiveListing listing;  ///< of the entries that are right
  /// The text of agent.yaml, also when other entries are wrong; unset when it is not there or
  /// cannot be read.
  std::optional<std::string> manifest;
};

/// Looks at everything instead of stopping at what is wrong first. Never fails: a file that is no
/// zip at all is a finding.
ArchiveSurvey survey_archive(const std::filesystem::path& archive,
                             const ArchiveLimits& limits = {});

/// inspect_archive() for an archive in memory; also reads every file to its end, keeping nothing.
Checked<ArchiveListing> inspect_archive_bytes(std::string_view bytes,
                                              const ArchiveLimits& limits = {});

/// One file of an archive, at most `max_bytes` (else PackageTooLarge). ManifestMissing when there
/// is no such file and it is agent.yaml, else PackageNotFound.
Checked<std::string> read_archive_file(const std::filesystem::path& archive, std::string_view path,
                                       std::uint64_t max_bytes, const ArchiveLimits& limits = {});

/// Unpacks into a sibling of `destination` and renames it when complete, replacing what was there.
/// Files are 0644 or 0755, directories 0755; links are never made or followed. A large archive is
/// unpacked by up to kMaxUnpackThreads, which have ended on return. Fails as inspect_archive()
/// does, and Internal when the disk refuses; nothing is left behind then.
Checked<ArchiveListing> unpack_archive(const std::filesystem::path& archive,
                                       const std::filesystem::path& destination,
                                       const ArchiveLimits& limits = {});

}  // namespace pixell::apkg
