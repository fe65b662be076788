#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace pixell::cmd {

/// A directory of mode 0700 that goes away, with all in it, unless its process is killed.
class ScratchDirectory {
 public:
  /// Makes `parent`/`prefix`<something new>.
  static Result<ScratchDirectory> make(const std::filesystem::path& parent,
                                       const std::string& prefix);
  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;  // empty = another has it now
};

}  // namespace pixell::cmd
