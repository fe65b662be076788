#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/result.hpp"
#include "model/routes.hpp"

namespace pixell::edge {

/// The last applied routes on disk, so that an edge that starts while control is away serves at
/// once. First line: format version and checksum; then the snapshot as JSON.
std::string encode_snapshot_file(const model::RouteSnapshot& snapshot);
/// DataLoss when the version or the checksum does not fit.
Result<model::RouteSnapshot> decode_snapshot_file(std::string_view content);

/// Replaces the file as a whole (rename); with PowerCut it is synced to disk too.
Result<void> save_snapshot(const std::filesystem::path& path, const model::RouteSnapshot& snapshot,
                           Durability durability = Durability::PowerCut);
/// NotFound when there is none yet.
Result<model::RouteSnapshot> load_snapshot(const std::filesystem::path& path);

}  // namespace pixell::edge
