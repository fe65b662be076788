#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/boot_report.hpp"

namespace pixell::apkg {

/// ManifestMissing for a package of these files (relative, with '/'). The evidence and the remedy
/// name the file that was probably meant: agent.yaml in a folder, or a name much like it at the
/// root; else what the root has.
model::Failure manifest_missing(const std::vector<std::string>& paths);

/// The files of an unpacked package that lie at its root or in the first folders below it, sorted;
/// for manifest_missing(). At most kMaxManifestNeighbours, links are not followed.
std::vector<std::string> files_near_root(const std::filesystem::path& package_root);

}  // namespace pixell::apkg
