#include "cmd/pac/state_backup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>

#include <cerrno>

#include "apkg/digest.hpp"
#include "apkg/package_store.hpp"
#include "apkg/stored_zip.hpp"
#include "base/files.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/scratch_directory.hpp"
#include "engine/ecs/installation.hpp"
#include "store/sqlite/backup.hpp"

namespace pixell::cmd {

namespace fs = std::filesystem;

namespace {

Result<BackupEntry> entry_of(std::string_view name, const fs::path& file) {
  BackupEntry entry{.name = std::string(name), .sha256 = {}};
  TRY(entry.sha256, apkg::sha256_of_file(file));
  std::error_code failed;
  const auto bytes = fs::file_size(file, failed);
  if (failed) return errno_error(fmt::format("cannot read {}", file.string()), failed.value());
  entry.bytes = std::int64_t(bytes);
  return entry;
}

Result<apkg::StoredPackage> find_package(const apkg::PackageStore& packages,
                                         const std::string& sha256) {
  auto found = packages.verify(sha256);
  if (found) return std::move(*found);
  Error error = make_error(ErrorCode::DataLoss,
                           fmt::format("{}: {}; deploy it again, or put the file there",
                                       packages.path_of(sha256).string(), found.error().message));
  // It may have been deleted after the database was copied; the next copy does not refer to it.
  if (found.error().cause == model::Cause::PackageNotFound) error.retry = Retry::Later;
  return error;
}

struct Contents {
  BackupManifest manifest;
  std::vector<apkg::StoredEntry> entries;
};

// Copies the database and finds its packages.
Result<Contents> collect(const BackupOptions& options, const fs::path& copy, UnixMillis now) {
  std::error_code failed;  // then copying says why
  fs::remove(copy, failed);
  TRY(const store::DatabaseFacts facts,
      store::copy_database(options.state_dir / kBackupDatabaseName, copy));
  if (facts.packages.size() >= kMaxBackupEntries)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("the database refers to {} packages; a backup holds fewer than "
                                  "{}",
                                  facts.packages.size(), kMaxBackupEntries));
  Contents contents{.manifest = {.schema_version = facts.schema_version,
                                 .created_at = now,
                                 .program_version = PIXELL_VERSION},
                    .entries = std::vector<apkg::StoredEntry>(1)};
  TRY(const auto installation, engine::ecs::kept_installation(options.state_dir));
  contents.manifest.ecs_installation = installation.value_or(std::string());
  TRY(BackupEntry database, entry_of(kBackupDatabaseName, copy));
  contents.manifest.entries.push_back(std::move(database));
  contents.entries.push_back({.name = std::string(kBackupDatabaseName), .file = copy});
  TRY(const apkg::PackageStore packages,
      apkg::PackageStore::open(options.state_dir / kBackupPackagePrefix));
  for (const std::string& sha256 : facts.packages) {
    TRY(const apkg::StoredPackage package, find_package(packages, sha256));
    const std::string name = backup_package_name(sha256);
    contents.manifest.entries.push_back(
        {.name = name, .sha256 = sha256, .bytes = std::int64_t(package.bytes)});
    contents.entries.push_back({.name = name, .file = package.path});
  }
  contents.entries.front() = {.name = std::string(kBackupManifestName),
                              .text = to_text(contents.manifest)};
  return contents;
}

Error already_there(const fs::path& file) {
  return make_error(
      ErrorCode::AlreadyExists,
      fmt::format("{} exists: choose another name, or replace it with --force", file.string()));
}

Result<void> put_in_place(const fs::path& written, const BackupOptions& options) {
  const unsigned flags = options.is_forced ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, written.c_str(), AT_FDCWD, options.file.c_str(), flags) != 0) {
    if (errno == EEXIST) return already_there(options.file);
    return errno_error(fmt::format("cannot write {}", options.file.string()), errno);
  }
  return sync_directory(options.file.parent_path());
}

}  // namespace

Result<BackupManifest> make_backup(const BackupOptions& options, const Clock& clock) {
  std::error_code failed;  // then writing says why
  if (!options.is_forced && fs::exists(options.file, failed)) return already_there(options.file);
  const fs::path database = options.state_dir / kBackupDatabaseName;
  if (!fs::exists(database, failed))
    return make_error(ErrorCode::NotFound,
                      fmt::format("--state {}: there is no {}; name the state directory of "
                                  "`pac serve`",
                                  options.state_dir.string(), kBackupDatabaseName));
  // Beside the file, so that it can be renamed, and private as it is.
  TRY(const ScratchDirectory scratch,
      ScratchDirectory::make(options.file.parent_path(), ".pixell-backup-"));
  const fs::path copy = scratch.path() / kBackupDatabaseName;
  auto contents = collect(options, copy, clock.unix_now());
  for (int tries = 1; tries < kBackupTries && !contents && contents.error().retry == Retry::Later;
       ++tries)
    contents = collect(options, copy, clock.unix_now());
  if (!contents) return std::move(contents).error();
  const fs::path written = scratch.path() / "backup";
  TRY_VOID(apkg::write_stored_zip(written, contents->entries));
  TRY_VOID(put_in_place(written, options));
  return std::move(contents->manifest);
}

}  // namespace pixell::cmd
