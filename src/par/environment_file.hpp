#pragma once

#include "base/result.hpp"
#include "par/config.hpp"

namespace pixell::par {

/// Adds what the file PAR_ENVIRONMENT_FILE names has: one JSON object of names and texts. So an
/// engine gives values that must not be seen in the environment of a container. Of par's own
/// variables and PATH those that are set already stay as they are; of all others the file's count.
/// Without the variable nothing happens. The error names the file, never a value.
Result<void> add_environment_file(Environment& env);

}  // namespace pixell::par
