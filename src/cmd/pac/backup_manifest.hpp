#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pixell::cmd {

/// The format of backups this program writes, and the only one it reads.
inline constexpr int kBackupFormat = 1;

/// Names in a backup: the manifest is the first entry, the database the second, packages follow.
inline constexpr std::string_view kBackupManifestName = "manifest.json";
inline constexpr std::string_view kBackupDatabaseName = "pixell.db";
inline constexpr std::string_view kBackupPackagePrefix = "packages/";

/// One entry of a backup besides the manifest.
struct BackupEntry {
  std::string name;
  std::string sha256;  ///< of its content
  std::int64_t bytes = 0;
};

/// What a backup says about itself.
struct BackupManifest {
  int format = kBackupFormat;
  int schema_version = 0;
  UnixMillis created_at = 0;
  std::string program_version{};
  /// What its resources on AWS are tagged with (engine/ecs/installation.hpp); empty = it has none.
  std::string ecs_installation{};
  std::vector<BackupEntry> entries{};  ///< in the order of the archive
};

/// packages/<sha256>.apkg
std::string backup_package_name(std::string_view sha256);

std::string to_text(const BackupManifest& manifest);

/// DataLoss: not a manifest, or one whose entries are not exactly a database and packages that are
/// named by their digests, or whose installation is no value of a tag. FailedPrecondition: another
/// format.
Result<BackupManifest> backup_manifest_from_text(std::string_view text);

}  // namespace pixell::cmd
