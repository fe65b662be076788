#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/par/finding.hpp"
#include "model/manifest.hpp"

namespace pixell::cmd {

/// What checking entries needs to know of the package.
struct EntryContext {
  std::filesystem::path root;         ///< unpacked
  std::string manifest_text;          ///< agent.yaml, to say where an entry stands
  std::vector<std::string> projects;  ///< required projects, normalised: they may hold a module
  bool installs_itself = false;       ///< setup.py or pyproject.toml: modules may lie elsewhere
};

/// Findings for entries whose module is no file of the package: MissingModule; a module that does
/// not mention the function is a warning (HandlerMissing). Executables are not looked at. Reads
/// files, runs nothing.
std::vector<Finding> check_entries(const EntryContext& context, const model::Manifest& manifest);

/// The file of a Python module ("src.api"), as the worker finds it: below the root, else where the
/// builders put a copy. `surface` is "rest", "a2a", … nullopt when there is none; a folder without
/// __init__.py is a module too.
std::optional<std::filesystem::path> python_module_file(const std::filesystem::path& root,
                                                        std::string_view module,
                                                        std::string_view surface);

/// The same for a module of a Node agent ("dist/rest", "dist.rest", "server.js").
std::optional<std::filesystem::path> node_module_file(const std::filesystem::path& root,
                                                      std::string_view module,
                                                      std::string_view surface);

/// "agent.yaml:LINE:COLUMN" of the first value that is this text; "agent.yaml" when none is.
std::string place_of_value(std::string_view manifest_text, std::string_view value);

}  // namespace pixell::cmd
