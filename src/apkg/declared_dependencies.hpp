#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pixell::apkg {

/// What a Python project file says about its dependencies, read without running it.
struct DeclaredDependencies {
  std::vector<std::string> requirements;  ///< PEP 508 texts, as written
  bool is_project = false;   ///< the file describes a project at all (and not only tools)
  bool needs_build = false;  ///< only the project's build backend can tell
};

/// Reads `[project] dependencies` of a pyproject.toml. Those of Poetry, and the ones that
/// `dynamic` leaves to the build backend, need a build.
DeclaredDependencies read_pyproject(std::string_view text);

/// Reads `install_requires` of a setup.py that is a literal list; any other expression, or
/// keywords that come from a variable, need a build.
DeclaredDependencies read_setup_py(std::string_view text);

}  // namespace pixell::apkg
