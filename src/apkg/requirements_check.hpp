#pragma once

#include <string>
#include <vector>

#include "apkg/requirements.hpp"
#include "model/boot_report.hpp"

namespace pixell::apkg {

/// A requirement that cannot be parsed.
struct UnreadableRequirement {
  std::string where;  ///< "requirements.txt:2"
  model::Failure failure;
};

/// All requirements that cannot be parsed. Adds the names of the projects that are required to
/// `projects`, normalised. Pure.
std::vector<UnreadableRequirement> check_requirements(const Requirements& requirements,
                                                      std::vector<std::string>& projects);

}  // namespace pixell::apkg
