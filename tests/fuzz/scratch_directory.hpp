#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/check.hpp"

namespace pixell::fuzz {

/// An empty directory for the files of one fuzz target, below TMPDIR; gone when the process ends
/// well. A target makes thousands of files a second: TMPDIR is best in memory.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "pixell-fuzz-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr, "a scratch directory can be made");
    path_ = std::filesystem::canonical(name);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Writes one file of a scratch directory.
inline void write_scratch(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  CHECK(file.good(), "the scratch directory takes a file");
}

}  // namespace pixell::fuzz
