#include "par/prepare/environment_store.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "apkg/digest.hpp"
#include "base/files.hpp"
#include "par/prepare/installer.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRecord = "environment.json";

// Takes the right to write away, so that no agent and no accident changes what others share.
void make_read_only(const fs::path& root) {
  std::error_code ignored;  // a file that stays writable is still owned by us alone
  fs::permissions(root, fs::perms(0555), ignored);
  for (const auto& entry : fs::recursive_directory_iterator(root, ignored)) {
    if (entry.is_symlink(ignored)) continue;
    const bool runs = entry.is_directory(ignored) || (entry.status(ignored).permissions() &
                                                      fs::perms::owner_exec) != fs::perms::none;
    fs::permissions(entry.path(), fs::perms(runs ? 0555 : 0444), ignored);
  }
}

Result<Environment> read_environment(const fs::path& directory) {
  TRY(const std::string text, read_file(directory / kRecord));
  const auto record = nlohmann::json::parse(text, nullptr, false);
  if (!record.is_object() || !record.contains("lock"))
    return make_error(ErrorCode::DataLoss, "the environment's record is damaged");
  return Environment{.site_packages = directory / "site-packages",
                     .lock = record["lock"].get<std::vector<std::string>>(),
                     .was_there = true};
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
        request.interpreter.platform, request.index_url, request.base_lock})
    add(part);
  for (const apkg::RequirementsFile& file : request.requirements.files) {
    add(file.path);
    add(file.text);
  }
  return digest.finish();
}

void EnvironmentStore::remove_leftovers(const std::string& key) const {
  // We hold the key's lock: whoever made these is gone.
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory_, ignored))
    if (entry.path().filename().string().starts_with(".building-" + key))
      fs::remove_all(entry.path(), ignored);
}

apkg::Checked<Environment> EnvironmentStore::provide(
    const EnvironmentRequest& request, const std::function<void(std::string_view)>& on_install) {
  const std::string key = key_of(request);
  if (auto there = read_environment(directory_ / key)) return *there;
  // Readable by the agents' users, writable by us.
  if (const auto made = make_directories(directory_, 0755); !made)
    return apkg::refuse(model::Cause::Internal, "no place for environments", made.error());
  const auto lock = lock_file(directory_ / (key + ".lock"),
                              static_cast<int>((request.timeout + kLockMargin).count()));
  if (!lock)
    return apkg::refuse(model::Cause::DependencyTimeout,
                        "another process has been installing the same environment for too long",
                        lock.error());
  if (auto there = read_environment(directory_ / key)) return *there;
  remove_leftovers(key);
  on_install(key);
  return install(request, key);
}

apkg::Checked<Environment> EnvironmentStore::install(const EnvironmentRequest& request,
                                                     const std::string& key) {
  const fs::path building = directory_ / fmt::format(".building-{}-{}", key, ::getpid());
  const auto clean_up = [&building] {
    std::error_code ignored;  // the next installer of this key removes what is left
    fs::remove_all(building, ignored);
  };
  if (const auto made = make_directories(building / "scratch"); !made)
    return apkg::refuse(model::Cause::Internal, "no place to install to", made.error());
  Installer installer(request, building / "scratch");
  auto lock = request.requirements.files.empty() ? apkg::Checked<std::string>(request.base_lock)
                                                 : installer.resolve();
  if (!lock) {
    clean_up();
    return std::unexpected(std::move(lock).error());
  }
  if (auto done = installer.install(*lock, building / "site-packages"); !done) {
    clean_up();
    return std::unexpected(std::move(done).error());
  }
  std::error_code failed;
  fs::remove_all(building / "scratch", failed);
  Environment environment{.site_packages = directory_ / key / "site-packages",
                          .lock = lock_lines(*lock)};
  const nlohmann::json record = {{"lock", environment.lock},
                                 {"installer", installer.name()},
                                 {"interpreter", request.interpreter.path},
                                 {"python_version", request.interpreter.version},
                                 {"created_at", system_clock().unix_now()}};
  const auto written = write_file_atomically(building / kRecord, record.dump(), 0444);
  make_read_only(building / "site-packages");
  ::chmod(building.c_str(), 0755);
  fs::remove_all(directory_ / key, failed);  // a damaged one, or there is none
  fs::rename(building, directory_ / key, failed);
  if (!written || failed) {
    clean_up();
    return apkg::refuse(model::Cause::Internal, "the environment could not be published",
                        written ? errno_error("rename", failed.value()) : written.error());
  }
  return environment;
}

}  // namespace pixell::prepare
