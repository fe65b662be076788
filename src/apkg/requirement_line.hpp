#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::apkg {

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
