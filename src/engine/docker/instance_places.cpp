#include "engine/docker/instance_places.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "engine/docker/limits.hpp"

namespace pixell::engine::docker {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

bool is_in_memory(const fs::path& path) {
  struct statfs found {};
  return ::statfs(path.c_str(), &found) == 0 &&
         static_cast<unsigned long>(found.f_type) == TMPFS_MAGIC;
}

// A regular file of a directory that a stranger writes to: no link is followed, and nothing that
// could block is opened for long.
std::optional<std::string> read_of_stranger(const fs::path& directory, const char* name) {
  const UniqueFd place(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!place) return {};
  const UniqueFd file(
      ::openat(place.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat found {};
  if (!file || ::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode) ||
      found.st_size > static_cast<off_t>(kMaxRecordBytes))
    return {};
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t n = ::read(file.get(), text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return text;
}

json record_of_stranger(const fs::path& directory, const char* name) {
  const auto text = read_of_stranger(directory, name);
  return text ? json::parse(*text, nullptr, false) : json();
}

std::optional<ParState> read_state(const fs::path& directory) try {
  const json document = record_of_stranger(directory, "state.json");
  if (!document.is_object()) return {};
  return ParState{.phase = document.at("phase").get<std::string>(),
                  .ready = document.value("ready", false),
                  .restarts = document.value("restarts", 0)};
} catch (const json::exception&) {
  return {};
}

std::optional<ExitRecord> read_exit(const fs::path& directory) try {
  const json document = record_of_stranger(directory, "exit.json");
  if (!document.is_object()) return {};
  ExitRecord record{.code = document.at("code").get<int>(),
                    .signal = document.value("signal", 0),
                    .at = document.value("at", UnixMillis(0))};
  if (const auto failure = document.find("failure"); failure != document.end()) {
    auto read = model::failure_from_json(*failure);
    if (read) record.failure = std::move(*read);
  }
  return record;
} catch (const json::exception&) {
  return {};
}

std::optional<model::BootReport> read_boot_report(const fs::path& directory) {
  const json document = record_of_stranger(directory, "boot_report.json");
  if (!document.is_object()) return {};
  auto report = model::boot_report_from_json(document);
  if (!report) return {};
  return std::move(*report);
}

Result<void> give_to(const fs::path& path, uid_t user, unsigned mode) {
  if (user != ::geteuid() && ::lchown(path.c_str(), user, user) != 0)
    return errno_error(fmt::format("cannot give {} to user {}", path.string(), user), errno);
  if (::chmod(path.c_str(), mode) != 0)
    return errno_error(fmt::format("cannot set the mode of {}", path.string()), errno);
  return {};
}

}  // namespace

Result<fs::path> memory_directory() {
  std::array<fs::path, 3> candidates{"/run", "/dev/shm", "/tmp"};
  if (const char* own = std::getenv("XDG_RUNTIME_DIR"); own != nullptr && ::geteuid() != 0)
    candidates[0] = own;
  for (const fs::path& path : candidates)
    if (is_in_memory(path) && ::access(path.c_str(), W_OK | X_OK) == 0) return path;
  return make_error(ErrorCode::FailedPrecondition,
                    "neither /run nor /dev/shm is a writable file system in memory (tmpfs): the "
                    "values of deployments would have to be written to a disk");
}

Result<void> InstancePlaces::make_for_container(const fs::path& path) const {
  TRY_VOID(make_directories(path, 0700));
  return give_to(path, user_, 0700);
}

// A package that only we may read is copied: the container's user must get at it.
Result<fs::path> InstancePlaces::readable_package(const InstanceSpec& spec) const {
  const fs::path stored(spec.package_path);
  struct stat found {};
  if (::stat(stored.c_str(), &found) != 0)
    return errno_error(fmt::format("cannot look at the package {}", stored.string()), errno);
  if ((found.st_mode & S_IROTH) != 0 || found.st_uid == user_) return stored;
  const fs::path copy = directory(spec.id) / "package.apkg";
  std::error_code failed;
  fs::copy_file(stored, copy, fs::copy_options::overwrite_existing, failed);
  if (failed)
    return errno_error(fmt::format("cannot copy the package to {}", copy.string()), failed.value());
  TRY_VOID(give_to(copy, user_, 0400));
  return copy;
}

Result<void> InstancePlaces::write_environment(const InstanceSpec& spec) const {
  const std::string text =
      environment_document(spec, environment_).dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kMaxEnvironmentBytes)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("the environment of app {} has {} bytes, more than {}",
                                  spec.app_id, text.size(), kMaxEnvironmentBytes));
  const fs::path directory = memory_ / spec.id;
  TRY_VOID(make_directories(memory_, 0711));
  TRY_VOID(make_directories(directory, 0700));
  const fs::path file = directory / kEnvironmentFile;
  TRY_VOID(write_file_atomically(file, text, 0400, Durability::ProcessCrash));
  TRY_VOID(give_to(file, user_, 0400));
  return give_to(directory, user_, 0500);
}

// What a variable of pac's environment names, where that is there; a daemon refuses what is not.
fs::path InstancePlaces::named(const char* variable) const {
  const auto found = environment_.find(variable);
  if (found == environment_.end() || !found->second.starts_with('/')) return {};
  std::error_code absent;
  return fs::canonical(found->second, absent);  // empty when it is absent
}

Result<HostPlaces> InstancePlaces::prepare(const InstanceSpec& spec) const {
  const fs::path app = root_ / "apps" / spec.app_id;
  HostPlaces places{.instance = par_directory(spec.id),
                    .environments = app / "environments",
                    .state = app / "state",
                    .package = {},
                    .secrets = memory_ / spec.id,
                    .certificates = named("SSL_CERT_FILE"),
                    .wheelhouse = named("WHEELHOUSE_DIR")};
  if (places.certificates.empty()) places.certificates = named("PIP_CERT");
  TRY_VOID(make_directories(directory(spec.id), 0700));
  TRY_VOID(make_directories(app, 0700));
  records(spec.id).forget_last_run();
  for (const fs::path& path : {places.instance, places.environments, places.state})
    TRY_VOID(make_for_container(path));
  TRY(places.package, readable_package(spec));
  TRY_VOID(write_environment(spec));
  return places;
}

InstanceFiles InstancePlaces::records(const std::string& id) const {
  return InstanceFiles(directory(id));
}

ParRecords InstancePlaces::read_par(const std::string& id) const {
  const fs::path directory = par_directory(id);
  return {.state = read_state(directory),
          .boot_report = read_boot_report(directory),
          .exit = read_exit(directory)};
}

EngineRecords InstancePlaces::read_engine(const std::string& id, const Log& log) const {
  const InstanceFiles files = records(id);
  EngineRecords found{.stop = or_logged(files.read_stop(), log), .forced = {}};
  if (const auto forced = or_logged(files.read_exit(), log)) found.forced = forced->failure;
  return found;
}

void InstancePlaces::remove_environment(const std::string& id) const {
  std::error_code ignored;  // remove() tries again, and says so
  fs::remove(memory_ / id / kEnvironmentFile, ignored);
}

Result<void> InstancePlaces::remove(const std::string& id) const {
  for (const fs::path& path : {memory_ / id, directory(id)}) {
    std::error_code failed;
    fs::remove_all(path, failed);
    if (failed) return errno_error(fmt::format("cannot remove {}", path.string()), failed.value());
  }
  return {};
}

std::vector<std::string> InstancePlaces::ids() const {
  std::vector<std::string> found;
  for (const fs::path& parent : {root_ / "instances", memory_}) {
    std::error_code absent;
    for (const fs::directory_entry& entry : fs::directory_iterator(parent, absent))
      found.push_back(entry.path().filename().string());
  }
  return found;
}

}  // namespace pixell::engine::docker
