#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apkg/archive.hpp"
#include "apkg/checked.hpp"

namespace pixell::apkg {

/// A file that will be packed.
struct PackFile {
  std::string path;  ///< relative to the root, with '/'
  std::uint64_t bytes = 0;
  bool is_executable = false;
};

/// What a directory holds that belongs into a package, and why it cannot be packed.
struct PackList {
  std::vector<PackFile> files;  ///< sorted by path, byte by byte
  std::uint64_t bytes = 0;
  /// UnsafeArchive (links, devices, names no archive may have) and PackageTooLarge, at most
  /// kMaxArchiveFindings. Empty: write_archive() will make a package that unpacks.
  std::vector<model::Failure> findings;
  std::vector<std::string> warnings;  ///< names that differ only in case
};

/// Lists a directory, without what PackIgnore leaves out and without the file `output` (may be
/// empty). Failures: PackageNotFound when it is no directory that can be read, ConfigInvalid when
/// .apkgignore cannot be used.
Checked<PackList> list_package_files(const std::filesystem::path& root,
                                     const std::filesystem::path& output = {},
                                     const ArchiveLimits& limits = {});

/// Writes the files of a list without findings as a zip that depends on their names, bytes and
/// executable bits alone: sorted, without times, owners or directories. `output` is replaced at
/// once when all is written. UnsafeArchive with the first finding of the list; Internal when a file
/// cannot be read any more or the disk refuses, and nothing is left behind then.
Checked<void> write_archive(const std::filesystem::path& root, const PackList& list,
                            const std::filesystem::path& output);

}  // namespace pixell::apkg
