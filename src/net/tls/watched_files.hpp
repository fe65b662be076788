#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

// Internal to net/tls: files that are replaced while we run.

namespace pixell::net::tls {

/// What tells one state of a file from another; links are followed.
struct FileStamp {
  bool exists = false;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;  ///< of its owner and mode, too

  bool operator==(const FileStamp&) const = default;
};

/// Files that belong together and are looked at now and then.
class WatchedFiles {
 public:
  /// Takes note of how they are now: make this before they are read.
  explicit WatchedFiles(std::vector<std::filesystem::path> files);

  /// True once for each change, at the first look that finds them as the look before did: who
  /// replaces them one after the other is not met halfway.
  bool has_settled_change();
  /// Takes them as known, changed or not.
  void note_all();

 private:
  std::vector<FileStamp> look() const;

  std::vector<std::filesystem::path> files_;
  std::vector<FileStamp> known_;
  std::vector<FileStamp> last_seen_;
};

}  // namespace pixell::net::tls
