#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "apkg/checked.hpp"
#include "apkg/digest.hpp"
#include "apkg/package_source.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace pixell::apkg {

/// The file of a package on its way: bytes go to the disk and into the digest in one pass. Goes
/// away without a trace unless keep() succeeds.
class PackagePart {
 public:
  PackagePart(std::filesystem::path path, std::uint64_t max_bytes)
      : path_(std::move(path)), max_bytes_(max_bytes) {}
  PackagePart(const PackagePart&) = delete;
  PackagePart& operator=(const PackagePart&) = delete;
  ~PackagePart();

  /// Starts anew; what an earlier attempt or redirect wrote is thrown away.
  Result<void> restart();
  /// ResourceExhausted beyond the limit; else what the disk says.
  Result<void> append(std::string_view bytes);
  /// The digest of everything, in hex.
  const std::string& finish() { return sha256_ = digest_.finish(); }
  /// Gives the file its name.
  Checked<FetchedPackage> keep(const std::filesystem::path& destination);

  bool is_too_large() const { return is_too_large_; }
  const std::optional<Error>& disk_error() const { return disk_error_; }

 private:
  std::filesystem::path path_;
  std::uint64_t max_bytes_;
  UniqueFd fd_;
  Sha256 digest_;
  std::string sha256_;
  std::uint64_t bytes_ = 0;
  bool is_too_large_ = false;
  std::optional<Error> disk_error_;
};

/// What a package beyond the limit is refused with.
model::Failure too_large(std::uint64_t max_bytes);

/// What a part that the disk refused is reported with.
model::Failure disk_failure(const Error& error);

}  // namespace pixell::apkg
