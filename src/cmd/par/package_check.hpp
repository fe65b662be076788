#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apkg/checked.hpp"
#include "apkg/requirements.hpp"
#include "cmd/par/finding.hpp"
#include "model/manifest.hpp"

namespace pixell::cmd {

/// A package as `par validate` and its siblings see it: all that can be told without running it.
struct CheckedPackage {
  std::string path;  ///< as given
  bool is_directory = false;
  std::string sha256;  ///< of the file; empty for a directory
  std::uint64_t packed_bytes = 0;
  std::uint64_t unpacked_bytes = 0;
  std::uint64_t files = 0;
  std::optional<model::Manifest> manifest;  ///< unset when agent.yaml is absent or wrong
  apkg::Requirements requirements;
  std::vector<Finding> findings;

  std::uint64_t errors() const;
  std::uint64_t warnings() const;
};

/// Looks at everything at once: the archive, agent.yaml, entries, UI, runtime, requirements. A
/// package file is unpacked below `scratch` for that (only when its archive is safe). Fails only
/// when there is nothing at the path: PackageNotFound.
apkg::Checked<CheckedPackage> check_package(const std::filesystem::path& path,
                                            const std::filesystem::path& scratch);

}  // namespace pixell::cmd
