#pragma once

#include <filesystem>

#include "cmd/pac/api_client.hpp"
#include "cmd/pac/commands/doctor_checks.hpp"

namespace pixell::cmd {

/// Looks at this machine, and at the Pixell behind `api`. What cannot be seen is told as a fact
/// (`problem`), never as a failure. Starts an interpreter: the process has no other children.
DoctorFacts gather_doctor_facts(const ApiClient& api, const std::filesystem::path& state_dir,
                                const Clock& clock);

/// Only what the Pixell behind `api` says of itself.
PixellFacts gather_pixell_facts(const ApiClient& api, const Clock& clock);

}  // namespace pixell::cmd
