#pragma once

#include <filesystem>

#include "apkg/checked.hpp"
#include "model/environment.hpp"

namespace pixell::apkg {

/// The values of `.env` in an unpacked package; none when there is no such file. ManifestInvalid
/// when it cannot be read or is not UTF-8; the evidence names the line and never shows a value.
Checked<model::Environment> read_dotenv(const std::filesystem::path& package_root);

}  // namespace pixell::apkg
