#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "model/boot_report.hpp"
#include "par/config.hpp"

namespace pixell::par {

/// Logs the last line of a failed boot.
void log_boot_failed(const Log& log, const model::Failure& failure, int exit_code);

/// Tells of a start that failed before there was a runtime: log, and the files of INSTANCE_DIR when
/// that is usable. Returns the exit code.
int fail_early(const Environment& env, const model::Failure& failure, const Log& log,
               const Clock& clock);

/// The same for configuration errors; each has a line of its own.
int refuse_config(const Environment& env, const std::vector<std::string>& errors, const Log& log,
                  const Clock& clock);

}  // namespace pixell::par
