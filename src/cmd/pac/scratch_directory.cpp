#include "cmd/pac/scratch_directory.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <utility>

namespace pixell::cmd {

namespace fs = std::filesystem;

Result<ScratchDirectory> ScratchDirectory::make(const fs::path& parent, const std::string& prefix) {
  std::string name = (parent / (prefix + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr)
    return errno_error(
        fmt::format("cannot make a directory in {}", parent.empty() ? "." : parent.string()),
        errno);
  return ScratchDirectory(name);
}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;  // what stays is swept by the next one who needs the place
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace pixell::cmd
