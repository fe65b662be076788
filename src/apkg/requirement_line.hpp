#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::apkg {

/// What a line of a requirements file is for.
enum class LineKind {
  Blank,        ///< nothing, or a comment
  Include,      ///< -r or -c: another such file
  Source,       ///< an index, or a place in the network with archives
  LinkFolder,   ///< --find-links: a local folder with archives
  LocalPath,    ///< a requirement that is a file or folder: ./x, -e ., x.whl, x @ file:…
  Option,       ///< any other option
  Requirement,  ///< a name, or a URL
};

/// A line, read.
struct RequirementKind {
  LineKind kind = LineKind::Blank;
  /// Include, LinkFolder and LocalPath: the path as written, without extras, markers and "file:".
  std::string_view path{};
};

/// Reads one line; its views are of `line`.
RequirementKind classify_requirement(std::string_view line);

/// What one requirement says.
struct RequirementLine {
  std::string project;  ///< normalised ("my-lib"); empty for options, paths and plain addresses
};

/// Reads one logical line of a requirements file, or a dependency of pyproject.toml: a requirement
/// (https://packaging.python.org/en/latest/specifications/dependency-specifiers/), an option pip
/// knows, a path or an address. InvalidArgument says what is wrong. Pure.
Result<RequirementLine> read_requirement(std::string_view line);

/// A project or module name as it is compared: lower case, runs of '-', '_' and '.' are one '-'.
std::string normal_project(std::string_view name);

}  // namespace pixell::apkg
