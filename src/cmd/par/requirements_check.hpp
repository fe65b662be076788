#pragma once

#include <string>
#include <vector>

#include "apkg/requirements.hpp"
#include "cmd/par/finding.hpp"

namespace pixell::cmd {

/// Findings for requirements that cannot be parsed, each with its file and line. Adds the names of
/// the projects that are required to `projects`, normalised. Pure.
std::vector<Finding> check_requirements(const apkg::Requirements& requirements,
                                        std::vector<std::string>& projects);

}  // namespace pixell::cmd
