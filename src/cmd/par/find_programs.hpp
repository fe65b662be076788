#pragma once

#include "base/result.hpp"
#include "par/boot/boot_sequence.hpp"
#include "par/config.hpp"

namespace pixell::cmd {

/// Finds what par starts. par-prepare: PAR_PREPARE, else beside the program; par-telemetry is
/// beside it. Worker shims:
/// PIXELL_SHARE/workers/python, else ../share/pixell beside the program's folder, else the source
/// tree this par was built from. Environments that came with par are beside `workers`. NotFound
/// names every place that was looked at.
Result<par::Programs> find_programs(const par::Environment& env);

}  // namespace pixell::cmd
