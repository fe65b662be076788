#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace pixell::engine {

/// What tells an installation from others on its machine; it stays the same for a state directory.
struct InstallationMark {
  std::string text;  ///< 12 hex characters, for the names of control groups and containers
  std::uint64_t number = 0;
};
InstallationMark installation_mark(const std::filesystem::path& state_dir);

}  // namespace pixell::engine
