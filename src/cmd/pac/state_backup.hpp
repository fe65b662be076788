#pragma once

#include <filesystem>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "cmd/pac/backup_manifest.hpp"

namespace pixell::cmd {

struct BackupOptions {
  std::filesystem::path state_dir;
  std::filesystem::path file;  ///< where the backup goes
  bool is_forced = false;      ///< replace a file that is there
};

/// Writes the database, every package it refers to and the id of the installation on AWS into one
/// file, mode 0600, while Pixell may run: the database as it is at one moment. The file appears
/// complete or not at all. NotFound: no database there. AlreadyExists: the file is there, and not
/// forced. DataLoss: the database or a package is damaged or missing; ResourceExhausted: no space
/// for the file.
Result<BackupManifest> make_backup(const BackupOptions& options, const Clock& clock);

}  // namespace pixell::cmd
