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
  return write_file_atomically(directory / name, lease.dump(), 0600, Durability::ProcessCrash);
}

bool has_living_lease(const fs::path& directory, UnixMillis now) {
  bool found = false;
  std::error_code ignored;  // nobody has ever had one
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (is_living(entry.path(), now))
      found = true;
    else
      fs::remove(entry.path(), ignored);
  }
  return found;
}

}  // namespace pixell::prepare
