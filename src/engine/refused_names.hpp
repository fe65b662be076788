#pragma once

#include <string_view>

namespace pixell::engine {

/// True for variables a deployment may not set, because they would steer par itself or decide what
/// other agents get.
bool is_refused(std::string_view name);

}  // namespace pixell::engine
