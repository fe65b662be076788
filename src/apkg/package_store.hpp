#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apkg/checked.hpp"
#include "apkg/digest.hpp"
#include "apkg/limits.hpp"
#include "base/unique_fd.hpp"

namespace pixell::apkg {

/// A package in the store.
struct StoredPackage {
  std::string sha256;  ///< 64 lower-case hex characters
  std::filesystem::path path;
  std::uint64_t bytes = 0;
};

/// A package on its way into the store. Goes away without a trace unless commit() succeeds.
class PackageImport {
 public:
  PackageImport(PackageImport&&) noexcept;
  PackageImport& operator=(PackageImport&&) noexcept;
  ~PackageImport();

  /// Adds bytes. PackageTooLarge beyond the limit, Internal when the disk refuses; the import is
  /// of no use then.
  Checked<void> append(std::string_view bytes);

  /// Makes the package durable under its digest. DigestMismatch unless `expected_sha256` is empty
  /// or the same in any case. A package that is there already is success. Ends the import.
  Checked<StoredPackage> commit(std::string_view expected_sha256 = {});

  std::uint64_t bytes() const { return bytes_; }

 private:
  friend class PackageStore;
  PackageImport(std::filesystem::path directory, std::filesystem::path part, UniqueFd fd,
                std::uint64_t max_bytes);
  void abandon();

  std::filesystem::path directory_;
  std::filesystem::path part_;  // empty once it is gone
  UniqueFd fd_;                 // holds a lock, so that others see that the import is alive
  std::uint64_t max_bytes_;
  std::uint64_t bytes_ = 0;
  Sha256 digest_;
};

/// Packages by digest: `<directory>/<sha256>.apkg`, mode 0600. Content never changes under a name.
/// Safe from several threads and processes at once.
class PackageStore {
 public:
  /// Makes the directory (0700) when absent and removes parts of imports whose process died.
  static Result<PackageStore> open(const std::filesystem::path& directory);

  /// Starts an import of bytes that come piece by piece.
  Result<PackageImport> begin_import(std::uint64_t max_bytes = kDefaultMaxPackageBytes) const;

  /// Copies a file into the store. PackageNotFound when it cannot be read; else as commit().
  Checked<StoredPackage> import_file(const std::filesystem::path& file,
                                     std::string_view expected_sha256 = {},
                                     std::uint64_t max_bytes = kDefaultMaxPackageBytes) const;

  /// Where a package is, or would be. The digest may be in any case; it must be 64 hex characters.
  std::filesystem::path path_of(std::string_view sha256) const;

  /// The package, when it is in the store.
  std::optional<StoredPackage> find(std::string_view sha256) const;

  /// Reads the whole file again. PackageNotFound, or DigestMismatch when its bytes have changed.
  Checked<StoredPackage> verify(std::string_view sha256) const;

  /// Removes a package; one that is not there is success.
  Result<void> remove(std::string_view sha256) const;

  /// The digests in the store, sorted.
  Result<std::vector<std::string>> list() const;

 private:
  explicit PackageStore(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path directory_;
};

}  // namespace pixell::apkg
