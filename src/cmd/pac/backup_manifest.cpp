#include "cmd/pac/backup_manifest.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "apkg/digest.hpp"
#include "cmd/pac/limits.hpp"
#include "engine/ecs/settings.hpp"

namespace pixell::cmd {

using nlohmann::json;

namespace {

Error damaged(std::string_view what) {
  return make_error(ErrorCode::DataLoss,
                    fmt::format("{} of the backup {}", kBackupManifestName, what));
}

Result<void> check_entries(const std::vector<BackupEntry>& entries) {
  if (entries.empty() || entries.front().name != kBackupDatabaseName)
    return damaged(fmt::format("does not name {} first", kBackupDatabaseName));
  if (entries.size() > kMaxBackupEntries)
    return damaged(
        fmt::format("names {} entries; at most {} are read", entries.size(), kMaxBackupEntries));
  std::set<std::string_view> names;
  for (const BackupEntry& entry : entries) {
    if (!apkg::is_sha256(entry.sha256) || entry.bytes < 0)
      return damaged(fmt::format("has no digest and size for '{}'", entry.name));
    if (entry.name != kBackupDatabaseName && entry.name != backup_package_name(entry.sha256))
      return damaged(fmt::format("names '{}', which no backup has", entry.name));
    if (!names.insert(entry.name).second)
      return damaged(fmt::format("names '{}' twice", entry.name));
  }
  return {};
}

}  // namespace

std::string backup_package_name(std::string_view sha256) {
  return fmt::format("{}{}.apkg", kBackupPackagePrefix, sha256);
}

std::string to_text(const BackupManifest& manifest) {
  json entries = json::array();
  for (const BackupEntry& entry : manifest.entries)
    entries.push_back({{"name", entry.name}, {"sha256", entry.sha256}, {"bytes", entry.bytes}});
  json text = {{"pixell_backup", manifest.format},
               {"schema_version", manifest.schema_version},
               {"created_at", iso8601(manifest.created_at)},
               {"created_at_ms", manifest.created_at},
               {"program_version", manifest.program_version},
               {"entries", std::move(entries)}};
  if (!manifest.ecs_installation.empty()) text["ecs_installation"] = manifest.ecs_installation;
  return text.dump(2) + "\n";
}

Result<BackupManifest> backup_manifest_from_text(std::string_view text) try {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object() || !value.contains("pixell_backup"))
    return damaged("is not that of a Pixell backup");
  BackupManifest manifest;
  manifest.format = value.at("pixell_backup").get<int>();
  if (manifest.format != kBackupFormat)
    return make_error(ErrorCode::FailedPrecondition,
                      fmt::format("the backup has format {}, this program reads {}: use the "
                                  "program that wrote it (version {})",
                                  manifest.format, kBackupFormat,
                                  value.value("program_version", std::string("unknown"))));
  manifest.schema_version = value.at("schema_version").get<int>();
  manifest.created_at = value.at("created_at_ms").get<UnixMillis>();
  manifest.program_version = value.at("program_version").get<std::string>();
  manifest.ecs_installation = value.value("ecs_installation", std::string());
  if (value.contains("ecs_installation") &&
      !engine::ecs::is_installation(manifest.ecs_installation))
    return damaged("names an installation that AWS has no tag for");
  for (const json& entry : value.at("entries"))
    manifest.entries.push_back({.name = entry.at("name").get<std::string>(),
                                .sha256 = entry.at("sha256").get<std::string>(),
                                .bytes = entry.at("bytes").get<std::int64_t>()});
  TRY_VOID(check_entries(manifest.entries));
  return manifest;
} catch (const json::exception& wrong) {
  Error error = damaged("cannot be read");
  error.detail = wrong.what();
  return error;
}

}  // namespace pixell::cmd
