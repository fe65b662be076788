#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pixell::apkg {

/// An entry to write: a text, or the content of a file.
struct StoredEntry {
  std::string name;
  std::string text{};
  std::filesystem::path file{};  ///< empty = the text
};

/// Writes a zip without compression, entries in the given order, mode 0600, and syncs it. `path`
/// must not be there. ResourceExhausted when the disk is full; nothing is left behind then.
Result<void> write_stored_zip(const std::filesystem::path& path,
                              const std::vector<StoredEntry>& entries);

/// A zip that is read entry by entry.
class StoredZip {
 public:
  /// NotFound when it cannot be read, DataLoss when it is no zip or a damaged one.
  static Result<StoredZip> open(const std::filesystem::path& path);
  StoredZip(StoredZip&&) noexcept;
  StoredZip& operator=(StoredZip&&) noexcept;
  ~StoredZip();

  /// The names of all entries, in the order of the archive.
  const std::vector<std::string>& names() const { return names_; }

  /// Hands the entry at a position to `sink`, piece by piece. DataLoss when it is damaged; else
  /// what `sink` fails with.
  Result<void> read(std::size_t position,
                    const std::function<Result<void>(std::string_view)>& sink);

 private:
  struct Handle;
  explicit StoredZip(std::unique_ptr<Handle> handle);

  std::unique_ptr<Handle> handle_;
  std::vector<std::string> names_;
};

}  // namespace pixell::apkg
