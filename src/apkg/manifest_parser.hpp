#pragma once

#include <filesystem>
#include <string_view>

#include "apkg/checked.hpp"
#include "model/manifest.hpp"

namespace pixell::apkg {

/// Reads the text of agent.yaml, in its lenient form: unknown keys are ignored, every key has a
/// default, `a2a:` without a value is the default service, `rest` without `entry` and `ui` without
/// `path` are not configured. Names for the same thing: a2a.service = a2a.entry; ui.basePath =
/// ui.base_path; runtime is a text or a mapping (`{python: ">=3.8"}` and `{language: python,
/// version: ">=3.8"}` become "python>=3.8").
/// ManifestInvalid carries all findings as "agent.yaml:line:column: key.path what is wrong".
Checked<model::Manifest> parse_manifest(std::string_view yaml);

/// The same for the file agent.yaml in an unpacked package. ManifestMissing when it is not there.
Checked<model::Manifest> read_manifest(const std::filesystem::path& package_root);

}  // namespace pixell::apkg
