#pragma once

#include <string>

#include "model/boot_report.hpp"

namespace pixell::par {

/// What the control groups above us allow: memory, CPU ceiling, processes. The smallest of a group
/// and its parents counts. `root` is / but for tests.
model::BootLimits read_group_limits(const std::string& root = "");

}  // namespace pixell::par
