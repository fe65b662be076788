#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apkg/checked.hpp"
#include "model/manifest.hpp"

namespace pixell::prepare {

/// Checks the program that `entrypoint: exec:…` names and returns its absolute path followed by its
/// arguments. With `may_change_mode` it is made executable. ManifestInvalid: the path leaves the
/// package, or sections only a shim can serve are configured; HandlerMissing: there is no such
/// file; WrongArchitecture: made for another machine or no program at all; WrongRuntime: the
/// interpreter of a script is not there.
apkg::Checked<std::vector<std::string>> check_executable(const std::filesystem::path& root,
                                                         const model::Manifest& manifest,
                                                         bool may_change_mode);

}  // namespace pixell::prepare
