#pragma once

#include <filesystem>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "cmd/pac/upgrade.hpp"

namespace pixell::cmd {

/// Asks the `pac serve` of a state directory for an upgrade and waits until its roles are replaced.
/// NotFound when none runs; the error of the upgrade when it failed: then what served before
/// serves. DeadlineExceeded after `timeout`; it may still get on.
Result<void> upgrade_serve(const std::filesystem::path& state_dir, const UpgradeRequest& request,
                           Millis timeout);

/// Stops `pac serve` and waits until it has ended; or, after it was killed, the roles that it left
/// behind: edge, control, then node. Agents keep running unless `pac serve` was to stop them.
/// NotFound when nothing runs. DeadlineExceeded after `timeout`.
Result<void> stop_serve(const std::filesystem::path& state_dir, Millis timeout);

}  // namespace pixell::cmd
