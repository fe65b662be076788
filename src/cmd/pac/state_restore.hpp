#pragma once

#include <filesystem>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "cmd/pac/backup_manifest.hpp"

namespace pixell::cmd {

struct RestoreOptions {
  std::filesystem::path state_dir;  ///< made when it is not there
  std::filesystem::path file;       ///< a backup
  bool is_forced = false;           ///< also when the state directory has a database
};

/// What a restore did.
struct Restored {
  BackupManifest manifest;
  std::filesystem::path moved_aside;  ///< the database of before; empty = there was none
};

/// Puts a backup into a state directory that no `pac serve` uses. All of it is checked before
/// anything is touched: the digest of every entry, the database, its schema, that each package it
/// refers to is there. A database that is there is kept under a dated name. A kill at any moment
/// leaves the old state or the new one: the moment is the renaming of the database. The id of the
/// installation on AWS is the backup's then, if that has one.
/// NotFound: no such file. DataLoss: the backup is damaged. FailedPrecondition: a newer program
/// wrote it, or the directory is that of another installation on AWS. AlreadyExists: `pac serve`
/// runs there, or there is a database and not forced.
Result<Restored> restore_backup(const RestoreOptions& options, const Clock& clock);

/// Says in the log when a restore into this directory was cut short and which state that left, and
/// removes what it had unpacked.
void clean_up_cut_restore(const std::filesystem::path& state_dir, const Log& log);

}  // namespace pixell::cmd
