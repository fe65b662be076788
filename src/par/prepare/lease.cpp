#include "par/prepare/lease.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>

#include "base/files.hpp"
#include "base/process.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {

namespace fs = std::filesystem;

namespace {

// Process ids mean something in one namespace of one boot only.
std::string process_namespace() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/ns/pid", failed).string();
}

bool is_read_only(const fs::path& directory) {
  if (::access(directory.c_str(), W_OK) == 0) return false;
  return errno == EROFS || errno == EACCES;
}

// One that is being written has no say yet, and is not to be removed.
bool is_unfinished(const fs::path& lease) { return lease.extension() == ".part"; }

bool is_living(const fs::path& lease, UnixMillis now) {
  const auto text = read_file(lease);
  const auto json = nlohmann::json::parse(text.value_or(""), nullptr, false);
  if (!json.is_object()) return false;
  const ProcessIdentity holder{.pid = json.value("pid", 0),
                               .start_time = json.value("start_time", std::uint64_t{0}),
                               .boot_id = json.value("boot_id", std::string())};
  const auto ours = identify_process(::getpid());
  if (ours && ours->boot_id == holder.boot_id &&
      json.value("namespace", std::string()) == process_namespace())
    return is_running(holder);
  return now - json.value("taken_at", UnixMillis{0}) < kForeignLeaseAge.count();
}

}  // namespace

Result<void> take_lease(const fs::path& directory) {
  const auto made = make_directories(directory);
  if (!made && is_read_only(directory.parent_path())) return {};
  TRY_VOID(made);
  if (is_read_only(directory)) return {};
  TRY(const ProcessIdentity holder, identify_process(::getppid()));
  const std::string place = process_namespace();
  const nlohmann::json lease = {{"pid", holder.pid},
                                {"start_time", holder.start_time},
                                {"boot_id", holder.boot_id},
                                {"namespace", place},
                                {"taken_at", system_clock().unix_now()}};
  const std::string name = fmt::format("{}-{}-{:x}", holder.pid, holder.start_time,
                                       std::hash<std::string>()(place + holder.boot_id));
  TRY_VOID(write_file_atomically(directory / name, lease.dump(), 0600, Durability::ProcessCrash));
  // Every life of par leaves one behind; who comes next removes those of the dead.
  (void)has_living_lease(directory, system_clock().unix_now());
  return {};
}

bool has_living_lease(const fs::path& directory, UnixMillis now) {
  bool found = false;
  std::error_code ignored;  // nobody has ever had one
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (is_unfinished(entry.path())) continue;
    if (is_living(entry.path(), now))
      found = true;
    else
      fs::remove(entry.path(), ignored);
  }
  return found;
}

}  // namespace pixell::prepare
