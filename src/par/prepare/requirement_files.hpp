#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apkg/checked.hpp"
#include "apkg/requirements.hpp"

namespace pixell::prepare {

/// What a package requires, written down for an installer.
struct InstallerInput {
  std::vector<std::filesystem::path> files;  ///< requirements files to resolve
  std::vector<std::string> source_lines;  ///< "--extra-index-url …": where the files say to look
};

/// Writes the package's requirements below `input`, with the archives of the package they name, so
/// that nothing else of the package has to be read. Lines that name the package itself ("-e .") are
/// left out: its sources are importable anyway, and what it declares is added. A wheel of the
/// package becomes its name and version. DependencyFailed for a folder that would have to be built.
apkg::Checked<InstallerInput> write_requirements(const apkg::Requirements& requirements,
                                                 const std::filesystem::path& package_root,
                                                 const std::filesystem::path& input);

/// A digest of the files that copy_project() copies, for a package that has none of its own because
/// it is a directory: names and contents, of long files names, sizes and times. DependencyFailed
/// beyond kMaxProjectFiles.
apkg::Checked<std::string> digest_of_project(const std::filesystem::path& package_root);

/// Copies the package's sources for its build backend, which may write where it works. Hidden
/// directories, installed modules and the values in .env are left out.
Result<void> copy_project(const std::filesystem::path& package_root,
                          const std::filesystem::path& target);

}  // namespace pixell::prepare
