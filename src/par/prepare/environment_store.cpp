#include "par/prepare/environment_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "apkg/digest.hpp"
#include "base/files.hpp"
#include "par/prepare/installer.hpp"
#include "par/prepare/installer_environment.hpp"
#include "par/prepare/program.hpp"
#include "par/prepare/store_entry.hpp"
#include "par/prepare/store_layout.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRecord = "environment.json";

bool is_complete(const fs::path& directory) {
  const auto text = read_file(directory / kRecord);
  std::error_code failed;
  return text && nlohmann::json::parse(*text, nullptr, false).is_object() &&
         fs::is_regular_file(directory / kLockFile, failed);
}

}  // namespace

std::string EnvironmentStore::key_of(const EnvironmentRequest& request) {
  apkg::Sha256 digest;
  const auto add = [&digest](std::string_view part) {
    // The length in front keeps neighbouring parts apart.
    digest.update(fmt::format("{}:", part.size()));
    digest.update(part);
  };
  for (const std::string& part :
       {request.interpreter.path, request.interpreter.version, request.interpreter.abi,
        request.interpreter.platform, request.base_lock})
    add(part);
  if (request.requirements.is_empty()) return digest.finish();
  for (const std::string& part :
       {without_credentials(request.index_url), without_credentials(extra_index(request)),
        request.wheelhouse.string(), std::string(request.is_offline ? "offline" : ""),
        proxies_of(request.env)})
    add(part);
  for (const apkg::RequirementsFile& file : request.requirements.files) {
    add(file.path);
    add(file.text);
  }
  for (const apkg::LocalArchive& archive : request.requirements.archives) {
    add(archive.path);
    add(archive.sha256);
  }
  for (const std::string& declared : request.requirements.declared) add(declared);
  if (!request.requirements.needs_build) return digest.finish();
  // A build may read any file of the package.
  add(request.package_sha256);
  for (const apkg::RequirementsFile& file : request.requirements.project_files) add(file.text);
  return digest.finish();
}

apkg::Checked<Environment> EnvironmentStore::provide(const EnvironmentRequest& request,
                                                     const StoreEvents& events) {
  const std::string key = key_of(request);
  if (const fs::path shipped = shipped_ / key; !shipped_.empty() && is_complete(shipped))
    return Environment{.site_packages = shipped / "site-packages",
                       .lock_file = shipped / kLockFile,
                       .was_there = true};
  bool was_there = true;
  CHECKED_TRY(const fs::path place, provide_entry({.store = directory_,
                                                   .key = key,
                                                   .deadline = request.deadline,
                                                   .on_damaged = events.on_damaged},
                                                  is_complete, [&](const fs::path& building) {
                                                    was_there = false;
                                                    return install(request, key, building, events);
                                                  }));
  return Environment{.site_packages = place / "site-packages",
                     .lock_file = place / kLockFile,
                     .was_there = was_there};
}

// The recorded lock when there is one. Its time is that of its last use.
apkg::Checked<std::string> EnvironmentStore::lock_for(const EnvironmentRequest& request,
                                                      const std::string& key, Installer& installer,
                                                      const StoreEvents& events) const {
  if (request.requirements.is_empty()) return request.base_lock;
  const fs::path path = StoreLayout{directory_}.resolved(key);
  if (auto recorded = read_file(path); recorded && !recorded->empty()) {
    (void)::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
    return std::move(*recorded);
  }
  events.on_resolve(key);
  CHECKED_TRY(std::string lock, installer.resolve());
  auto written = make_directories(path.parent_path());
  if (written) written = write_file_atomically(path, lock);
  if (!written)
    return apkg::refuse(model::Cause::Internal, "the lock cannot be recorded", written.error());
  return lock;
}

apkg::Checked<void> EnvironmentStore::install(const EnvironmentRequest& request,
                                              const std::string& key, const fs::path& building,
                                              const StoreEvents& events) const {
  // The installer's user passes through; the entry becomes as open when it is published.
  if (::chmod(building.c_str(), 0711) != 0)
    return apkg::refuse(model::Cause::Internal, "no place to install to",
                        errno_error("chmod", errno));
  Installer installer(request, building);
  CHECKED_TRY_VOID(installer.open());
  CHECKED_TRY(const std::string lock, lock_for(request, key, installer, events));
  events.on_install(key);
  CHECKED_TRY_VOID(installer.install(lock, building / "site-packages"));
  std::error_code failed;
  for (const fs::path& place : installer.places())
    if (!failed) fs::remove_all(place, failed);
  const nlohmann::json record = {{"installer", installer.name()},
                                 {"interpreter", request.interpreter.path},
                                 {"python_version", request.interpreter.version}};
  std::string lines;
  for (const std::string& line : lock_lines(lock)) lines += line + "\n";
  auto written = write_file_atomically(building / kLockFile, lines, 0444);
  if (written) written = write_file_atomically(building / kRecord, record.dump(), 0444);
  if (!written || failed)
    return apkg::refuse(model::Cause::Internal, "the environment cannot be completed",
                        written ? errno_error("remove", failed.value()) : written.error());
  return {};
}

}  // namespace pixell::prepare
