#pragma once

#include <string_view>

#include "apkg/checked.hpp"

namespace pixell::apkg {

/// Reads a YAML text once without building anything, and refuses (ManifestInvalid) what is no
/// YAML, nests deeper than kMaxManifestDepth or has more than kMaxManifestNodes nodes. Building a
/// tree of a text that passed is cheap; aliases share their nodes there.
Checked<void> guard_yaml(std::string_view yaml);

}  // namespace pixell::apkg
