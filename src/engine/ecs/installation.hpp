#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ecs/settings.hpp"

namespace pixell::engine::ecs {

/// What `<state_dir>/ecs/installation` says; nothing when it is not there. DataLoss when that is no
/// value of the tag.
Result<std::optional<std::string>> kept_installation(const std::filesystem::path& state_dir);

/// Writes it, to last.
Result<void> keep_installation(const std::filesystem::path& state_dir,
                               const std::string& installation);

/// The value of kInstallationTag of an installation: what `<state_dir>/ecs/installation` says, else
/// PAC_ECS_INSTALLATION, which belongs to a state directory that is still to be made or was lost.
/// FailedPrecondition when the two say different things; NotFound when none says anything.
Result<std::string> find_installation(const std::filesystem::path& state_dir,
                                      const Settings& settings);

/// The same; makes one, which nobody else has, where there is none. It is kept before it is
/// returned.
Result<std::string> ensure_installation(const std::filesystem::path& state_dir,
                                        const Settings& settings, const Clock& clock);

}  // namespace pixell::engine::ecs
