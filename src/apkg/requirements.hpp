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

/// A wheel or source archive inside the package that its requirements files name, also by a folder
/// (--find-links).
struct LocalArchive {
  std::string path;  ///< relative to the package root
  std::string sha256;
};

/// What an unpacked package says about its Python dependencies; nothing is executed.
struct Requirements {
  /// requirements.txt first, then the files it includes with -r or -c, in order of discovery.
  /// Empty when there is none, or when it has only comments.
  std::vector<RequirementsFile> files;
  std::vector<LocalArchive> archives;  ///< by path
  bool has_pyproject = false;          ///< pyproject.toml at the root
  bool has_setup_py = false;           ///< setup.py at the root
  bool has_local_paths = false;  ///< a requirement is built from the package itself (-e ., ./lib)
  /// What pyproject.toml or setup.py requires, as written; both count, and requirements.txt too.
  std::vector<std::string> declared;
  /// The project requires more, which only its build backend can tell; these files decide it.
  bool needs_build = false;
  std::vector<RequirementsFile> project_files;

  /// True when nothing at all is required.
  bool is_empty() const { return files.empty() && declared.empty() && !needs_build; }
};

/// Looks at the root of an unpacked package: requirements.txt, and either `[project]` of
/// pyproject.toml or, without one, setup.py and setup.cfg. DependencyFailed when an included file
/// or archive is missing, lies outside the package, or is too large.
Checked<Requirements> find_requirements(const std::filesystem::path& package_root);

}  // namespace pixell::apkg
