#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/sqlite/database.hpp"

namespace pixell::store {

/// Makes the database file with the newest schema unless there is one: it appears complete or not
/// at all, mode 0600 in a directory of mode 0700. DataLoss: there is an empty file (this program
/// makes none). PermissionDenied: the file or its directory may not be written.
Result<void> make_database_file(const std::filesystem::path& path, UnixMillis now);

/// Looks at every page of an open database (`quick_check`); DataLoss says what is wrong first.
Result<void> check_pages(Database& database, const std::filesystem::path& path);

/// A file as it was when it was opened, to see whether its name still leads to it.
class NamedFile {
 public:
  /// NotFound when there is none.
  static Result<NamedFile> find(const std::filesystem::path& path);

  /// DataLoss when the file was removed, or replaced by another.
  Result<void> verify() const;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace pixell::store
