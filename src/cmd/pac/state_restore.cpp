#include "cmd/pac/state_restore.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "apkg/digest.hpp"
#include "apkg/stored_zip.hpp"
#include "base/crash_point.hpp"
#include "base/files.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/role_record.hpp"
#include "cmd/pac/scratch_directory.hpp"
#include "cmd/pac/serve_claim.hpp"
#include "engine/ecs/installation.hpp"
#include "store/sqlite/backup.hpp"

namespace pixell::cmd {

namespace fs = std::filesystem;

namespace {

constexpr const char* kStagePrefix = ".restore-";

Error of_backup(const fs::path& file, const Error& error) {
  Error wrong = error;
  wrong.message = fmt::format("{}: {}; nothing was changed", file.string(), error.message);
  return wrong;
}

Result<BackupManifest> read_manifest(apkg::StoredZip& zip) {
  if (zip.names().empty() || zip.names().front() != kBackupManifestName)
    return make_error(ErrorCode::DataLoss, "this is a zip, but no backup of Pixell");
  std::string text;
  TRY_VOID(zip.read(0, [&](std::string_view bytes) -> Result<void> {
    text += bytes;
    if (text.size() <= kMaxBackupManifestBytes) return {};
    return make_error(
        ErrorCode::DataLoss,
        fmt::format("{} is longer than {} bytes", kBackupManifestName, kMaxBackupManifestBytes));
  }));
  TRY(BackupManifest manifest, backup_manifest_from_text(text));
  const auto is_same = [](const BackupEntry& entry, const std::string& name) {
    return entry.name == name;
  };
  if (!std::equal(manifest.entries.begin(), manifest.entries.end(), zip.names().begin() + 1,
                  zip.names().end(), is_same))
    return make_error(ErrorCode::DataLoss, "the entries are not those of its manifest");
  return manifest;
}

Result<void> write_entry(apkg::StoredZip& zip, std::size_t position, const BackupEntry& entry,
                         const fs::path& to) {
  const UniqueFd file(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return errno_error(fmt::format("cannot make {}", to.string()), errno);
  apkg::Sha256 digest;
  std::int64_t bytes = 0;
  TRY_VOID(zip.read(position, [&](std::string_view piece) -> Result<void> {
    digest.update(piece);
    bytes += std::int64_t(piece.size());
    return write_all(file.get(), piece);
  }));
  if (::fsync(file.get()) != 0)
    return errno_error(fmt::format("cannot sync {}", to.string()), errno);
  if (bytes == entry.bytes && apkg::same_digest(digest.finish(), entry.sha256)) return {};
  return make_error(ErrorCode::DataLoss,
                    fmt::format("{} has not the digest and size of the manifest", entry.name));
}

// Unpacks a backup to a directory of its own and checks all of it.
Result<BackupManifest> stage(const fs::path& file, const fs::path& directory) {
  TRY(apkg::StoredZip zip, apkg::StoredZip::open(file));
  TRY(BackupManifest manifest, read_manifest(zip));
  TRY_VOID(make_directories(directory / kBackupPackagePrefix, 0700));
  for (std::size_t i = 0; i < manifest.entries.size(); ++i) {
    const BackupEntry& entry = manifest.entries[i];
    TRY_VOID(write_entry(zip, i + 1, entry, directory / entry.name));
  }
  TRY(const store::DatabaseFacts facts, store::check_database(directory / kBackupDatabaseName));
  if (facts.schema_version != manifest.schema_version)
    return make_error(ErrorCode::DataLoss, "the database has not the schema of the manifest");
  std::error_code failed;  // then it is not there either
  for (const std::string& sha256 : facts.packages)
    if (!fs::exists(directory / backup_package_name(sha256), failed))
      return make_error(ErrorCode::DataLoss,
                        fmt::format("package {} is missing, which the database refers to", sha256));
  return manifest;
}

Result<void> rename_file(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return errno_error(fmt::format("cannot rename {} to {}", from.string(), to.string()), errno);
}

Result<void> remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return errno_error(fmt::format("cannot remove {}", path.string()), errno);
}

// Content never changes under a digest: more packages do not harm the old state.
Result<void> install_packages(const BackupManifest& manifest, const fs::path& staged,
                              const fs::path& state_dir) {
  TRY_VOID(make_directories(state_dir / kBackupPackagePrefix, 0700));
  for (std::size_t i = 1; i < manifest.entries.size(); ++i)
    TRY_VOID(rename_file(staged / manifest.entries[i].name, state_dir / manifest.entries[i].name));
  return sync_directory(state_dir / kBackupPackagePrefix);
}

Result<void> link_aside(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
  return errno_error(fmt::format("cannot keep {} as {}", from.string(), to.string()), errno);
}

// Gives the old database a second name and brings it into one file, so that the first name can go
// over to the new one at once. SQLite may empty the log of a damaged one: it is copied before.
Result<fs::path> keep_old_database(const fs::path& database, UnixMillis now) {
  std::string stamp = iso8601(now);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':' || c == '.'; });
  const fs::path aside = fmt::format("{}.before-restore-{}", database.string(), stamp);
  const fs::path log = database.string() + "-wal";
  const fs::path kept_log = aside.string() + "-wal";
  std::error_code failed;
  if (fs::exists(log, failed) && !fs::copy_file(log, kept_log, failed))
    return errno_error(fmt::format("cannot copy {} to {}", log.string(), kept_log.string()),
                       failed.value());
  TRY_VOID(link_aside(database, aside));
  TRY_VOID(sync_directory(database.parent_path()));
  if (store::fold_log(database)) TRY_VOID(remove_file(kept_log));
  return aside;
}

// The services of a directory that is another installation would have nobody any more.
Result<void> refuse_another_installation(const BackupManifest& manifest,
                                         const fs::path& state_dir) {
  if (manifest.ecs_installation.empty()) return {};
  TRY(const auto kept, engine::ecs::kept_installation(state_dir));
  if (!kept || *kept == manifest.ecs_installation) return {};
  return make_error(
      ErrorCode::FailedPrecondition,
      fmt::format("it is of the installation {} on AWS, but --state {} is of {}: give a directory "
                  "of {} or an empty one, or delete {} if nothing of {} is left on AWS",
                  manifest.ecs_installation, state_dir.string(), *kept, manifest.ecs_installation,
                  (state_dir / "ecs" / "installation").string(), *kept));
}

// Before the database: without it nobody would know which services are those of its apps.
Result<void> install_installation(const BackupManifest& manifest, const fs::path& state_dir) {
  if (manifest.ecs_installation.empty()) return {};
  return engine::ecs::keep_installation(state_dir, manifest.ecs_installation);
}

bool has_database(const fs::path& database) {
  std::error_code failed;  // what cannot be looked at counts as there
  for (const char* suffix : {"", "-wal"})
    if (fs::exists(database.string() + suffix, failed) || failed) return true;
  return false;
}

std::vector<fs::path> leftover_stages(const fs::path& state_dir) {
  std::vector<fs::path> found;
  std::error_code failed;  // then there is none to be seen
  for (fs::directory_iterator it(state_dir, failed), end; !failed && it != end;
       it.increment(failed))
    if (it->path().filename().string().starts_with(kStagePrefix)) found.push_back(it->path());
  return found;
}

}  // namespace

Result<Restored> restore_backup(const RestoreOptions& options, const Clock& clock) {
  std::error_code failed;  // then opening it says why
  if (!fs::exists(options.file, failed))
    return make_error(ErrorCode::NotFound,
                      fmt::format("there is no backup {}", options.file.string()));
  TRY(const StateClaim claim, claim_state_dir(options.state_dir));
  TRY_VOID(refuse_running_roles(claim.state_dir));
  // Control may end a moment after its supervisor.
  TRY(const UniqueFd control,
      lock_file(claim.state_dir / "run" / "control.lock", kControlLockTimeoutMs));
  const fs::path database = claim.state_dir / kBackupDatabaseName;
  const bool is_replacing = has_database(database);
  if (is_replacing && !options.is_forced)
    return make_error(ErrorCode::AlreadyExists,
                      fmt::format("--state {}: there is a database; --force moves it aside",
                                  claim.state_dir.string()));
  for (const fs::path& leftover : leftover_stages(claim.state_dir))
    fs::remove_all(leftover, failed);
  TRY(const ScratchDirectory staged, ScratchDirectory::make(claim.state_dir, kStagePrefix));
  auto manifest = stage(options.file, staged.path());
  if (!manifest) return of_backup(options.file, manifest.error());
  if (const auto same = refuse_another_installation(*manifest, claim.state_dir); !same)
    return of_backup(options.file, same.error());
  Restored restored{.manifest = std::move(*manifest), .moved_aside = {}};
  crash_point("restore.backup.checked");
  TRY_VOID(install_packages(restored.manifest, staged.path(), claim.state_dir));
  TRY_VOID(install_installation(restored.manifest, claim.state_dir));
  crash_point("restore.packages.moved");
  // What the edge remembers are routes of the old state.
  TRY_VOID(remove_file(claim.state_dir / "edge" / "routes"));
  if (is_replacing) {
    TRY(restored.moved_aside, keep_old_database(database, clock.unix_now()));
  }
  crash_point("restore.database.kept");
  for (const char* suffix : {"-wal", "-shm"}) TRY_VOID(remove_file(database.string() + suffix));
  crash_point("restore.log.removed");
  TRY_VOID(rename_file(staged.path() / kBackupDatabaseName, database));
  crash_point("restore.database.replaced");
  TRY_VOID(sync_directory(claim.state_dir));
  return restored;
}

void clean_up_cut_restore(const fs::path& state_dir, const Log& log) {
  for (const fs::path& stage : leftover_stages(state_dir)) {
    std::error_code failed;  // then it is not there, or stays until the next time
    if (fs::exists(stage / kBackupDatabaseName, failed))
      log.warning("A restore was cut short: this is the state before it; run it again",
                  {{"leftover", stage.string()}});
    else
      log.warning("A restore was cut short after its last step: this is the restored state",
                  {{"leftover", stage.string()}});
    fs::remove_all(stage, failed);
  }
}

}  // namespace pixell::cmd
