#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apkg/checked.hpp"

namespace pixell::apkg {

/// A file that says what an unpacked Python package needs.
struct RequirementsFile {
  std::string path;  ///< relative to the package root
  std::string text;
};

/// What an unpacked package says about its Python dependencies; nothing is executed.
struct Requirements {
  /// requirements.txt first, then the files it includes with -r or -c, in order of discovery.
  /// Empty when there is none, or when it has only comments.
  std::vector<RequirementsFile> files;
  bool has_pyproject = false;    ///< pyproject.toml at the root
  bool has_setup_py = false;     ///< setup.py at the root
  bool has_local_paths = false;  ///< a requirement is built from the package itself (-e ., ./lib)
};

/// Looks at the root of an unpacked package. DependencyFailed when an included file is missing,
/// lies outside the package, or is too large.
Checked<Requirements> find_requirements(const std::filesystem::path& package_root);

}  // namespace pixell::apkg
