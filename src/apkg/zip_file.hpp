#pragma once

#include <zip.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "apkg/archive.hpp"

namespace pixell::apkg {

/// Closes a zip without ever writing anything back.
struct DiscardZip {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};

/// A zip that is read. libzip's handles are not for two threads: each opens its own.
using Zip = std::unique_ptr<zip_t, DiscardZip>;

/// Opens a file. PackageNotFound when it cannot be read, NotAZip when it is none.
Checked<Zip> open_zip_file(const std::filesystem::path& archive);

/// Opens an archive in memory; `bytes` must outlive it.
Checked<Zip> open_zip_bytes(std::string_view bytes);

/// Reads entries of one zip, one after the other, through one buffer.
class ZipEntryReader {
 public:
  explicit ZipEntryReader(zip_t* zip);

  /// Hands an entry to `sink`, piece by piece, to its end. NotAZip when it has not the size of the
  /// table of contents or a wrong checksum; else what `sink` fails with.
  Checked<void> read(const ArchiveEntry& entry,
                     const std::function<Checked<void>(std::string_view)>& sink);

 private:
  zip_t* zip_;
  std::unique_ptr<char[]> chunk_;
};

}  // namespace pixell::apkg
