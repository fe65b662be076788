#include "cmd/pac/role_record.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "base/files.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

fs::path record_file(const fs::path& state_dir, pid_t pid) {
  return role_records(state_dir) / std::to_string(pid);
}

std::optional<pid_t> pid_of(const std::string& name) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || end != name.data() + name.size() || pid <= 0) return std::nullopt;
  return pid;
}

}  // namespace

fs::path role_records(const fs::path& state_dir) { return state_dir / "run" / "roles"; }

fs::path handover_socket(const fs::path& state_dir, pid_t pid) {
  return role_records(state_dir) / fmt::format("{}.sock", pid);
}

Result<void> record_role(const fs::path& state_dir, std::string_view role) {
  TRY_VOID(make_directories(role_records(state_dir)));
  TRY(const ProcessIdentity self, identify_process(::getpid()));
  return write_file_atomically(record_file(state_dir, self.pid),
                               fmt::format("{} {} {}\n", role, self.start_time, self.boot_id), 0600,
                               Durability::ProcessCrash);
}

void forget_role(const fs::path& state_dir, pid_t pid) {
  std::error_code ignored;  // what is left names a process that is gone, and is removed later
  fs::remove(record_file(state_dir, pid), ignored);
  fs::remove(handover_socket(state_dir, pid), ignored);
}

std::vector<RoleRecord> running_roles(const fs::path& state_dir) {
  std::vector<RoleRecord> running;
  std::vector<pid_t> gone;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(role_records(state_dir), failed)) {
    const auto pid = pid_of(entry.path().filename().string());
    if (!pid) continue;  // a socket, or a record that is just being written
    const auto text = read_file(entry.path());
    RoleRecord record{.role = {}, .identity = {.pid = *pid, .start_time = 0, .boot_id = {}}};
    std::istringstream fields(text ? *text : std::string());
    fields >> record.role >> record.identity.start_time >> record.identity.boot_id;
    if (fields && is_running(record.identity))
      running.push_back(std::move(record));
    else
      gone.push_back(*pid);
  }
  for (const pid_t pid : gone) forget_role(state_dir, pid);
  std::ranges::sort(running, {}, [](const RoleRecord& one) { return one.identity.pid; });
  return running;
}

Result<void> refuse_running_roles(const fs::path& state_dir) {
  const std::vector<RoleRecord> running = running_roles(state_dir);
  if (running.empty()) return {};
  return make_error(
      ErrorCode::AlreadyExists,
      fmt::format("--state {}: the {} (pid {}) of a `pac serve` that was killed still runs; `pac "
                  "stop --state {}` ends what it left behind",
                  state_dir.string(), running.front().role, running.front().identity.pid,
                  state_dir.string()));
}

}  // namespace pixell::cmd
