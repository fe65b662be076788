#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "model/boot_report.hpp"

namespace pixell::engine::docker {

/// What kept a container from being made or started, when it is one of the things an operator can
/// put right: no image, no disk space, no free port, a program for another processor, no free
/// network. Docker tells them apart by their text alone. nullopt for everything else. Pure.
std::optional<model::Failure> start_failure(const Error& error);

/// The image that was asked for is not there.
model::Failure image_missing(const std::string& image);

/// The image is for another processor than the daemon's machine.
model::Failure image_for_other_processor(const std::string& image, const std::string& image_arch,
                                         const std::string& machine_arch);

}  // namespace pixell::engine::docker
