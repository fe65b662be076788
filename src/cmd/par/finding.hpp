#pragma once

#include <string>
#include <vector>

#include "model/boot_report.hpp"

namespace pixell::cmd {

/// One thing that `par validate` has to say about a package.
struct Finding {
  enum class Severity { Error, Warning };
  Severity severity = Severity::Error;  ///< Error: the package will not start, or is refused
  std::string where;                    ///< "agent.yaml:4:9", "requirements.txt:2", or empty
  model::Failure failure;               ///< cause, message, evidence, remedy
};

}  // namespace pixell::cmd
