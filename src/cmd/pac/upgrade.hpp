#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "cmd/pac/limits.hpp"
#include "cmd/pac/serve_claim.hpp"

namespace pixell::cmd {

// `pac upgrade` writes a request into <state>/run and sends SIGUSR2 to `pac serve`, which becomes
// the asked-for program (execve: same pid, same arguments) with its lock and sockets still open,
// and takes over from its own roles (takeover.hpp). How far it got is in a file beside the request.

/// What `pac upgrade` asks for.
struct UpgradeRequest {
  std::string id;                 ///< tells one request from another
  std::filesystem::path program;  ///< absolute; empty = the path that `pac serve` was started by
  Millis drain = kUpgradeDrain;   ///< how long replaced edges let running exchanges go on
};

/// How far an upgrade got.
struct UpgradeReport {
  enum class State { Running, Done, Failed };
  std::string id;
  State state = State::Running;
  std::string error;  ///< of a failed one
};

Result<void> write_upgrade_request(const std::filesystem::path& run_dir,
                                   const UpgradeRequest& request);
/// NotFound when there is none; DataLoss when it cannot be read.
Result<UpgradeRequest> read_upgrade_request(const std::filesystem::path& run_dir);

Result<void> write_upgrade_report(const std::filesystem::path& run_dir,
                                  const UpgradeReport& report);
Result<UpgradeReport> read_upgrade_report(const std::filesystem::path& run_dir);

/// What this process was handed by the one it was before; empty when it starts anew. Forgets it, so
/// that no child sees it. Once, before any thread is made.
ServeHandover take_serve_handover();

/// The path of the program that this process runs, also when its file was replaced meanwhile.
std::filesystem::path own_program();

/// FailedPrecondition when a program does not tell its version within kProgramCheckTimeout.
Result<void> check_program(const std::filesystem::path& program);

/// Becomes `program`, with the arguments this process was started with; lock and sockets stay open
/// for it. Returns only when that failed, and then everything is as before.
Error become_program(const std::filesystem::path& program, const ServeClaim& claim);

}  // namespace pixell::cmd
