#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"
#include "base/result.hpp"

namespace pixell::cmd {

// What runs for a state directory, so that a `pac serve` finds the roles of one that was killed:
// <state>/run/roles/<pid> names role, start time and boot of each process, and <pid>.sock beside it
// hands out its listening sockets.

/// A process that runs for a state directory.
struct RoleRecord {
  std::string role;  ///< serve, edge, control or node
  ProcessIdentity identity;
};

/// <state>/run/roles.
std::filesystem::path role_records(const std::filesystem::path& state_dir);
/// The Unix socket at which a process hands out its listening sockets.
std::filesystem::path handover_socket(const std::filesystem::path& state_dir, pid_t pid);

/// Records this process. The directory is made when it is not there.
Result<void> record_role(const std::filesystem::path& state_dir, std::string_view role);
/// Forgets a process that ends or has ended, together with its socket.
void forget_role(const std::filesystem::path& state_dir, pid_t pid);

/// The recorded processes that still run; records of those that do not are removed.
std::vector<RoleRecord> running_roles(const std::filesystem::path& state_dir);

/// AlreadyExists when roles still run that a killed `pac serve` left behind; says how to end them.
Result<void> refuse_running_roles(const std::filesystem::path& state_dir);

}  // namespace pixell::cmd
