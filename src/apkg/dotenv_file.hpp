#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apkg/checked.hpp"
#include "model/environment.hpp"

namespace pixell::apkg {

/// The values of `.env` in an unpacked package; none when there is no such file. ManifestInvalid
/// when it cannot be read or is not UTF-8; the evidence names the line and never shows a value.
/// `skipped` gets a sentence for each line that is left out.
Checked<model::Environment> read_dotenv(const std::filesystem::path& package_root,
                                        std::vector<std::string>* skipped = nullptr);

}  // namespace pixell::apkg
