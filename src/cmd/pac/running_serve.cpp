#include "cmd/pac/running_serve.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <optional>
#include <vector>

#include "base/check.hpp"
#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "cmd/pac/role_record.hpp"
#include "cmd/pac/serve_claim.hpp"

namespace pixell::cmd {

namespace {

namespace fs = std::filesystem;

std::vector<ProcessIdentity> running(const fs::path& state_dir, std::string_view role) {
  std::vector<ProcessIdentity> found;
  for (RoleRecord& record : running_roles(state_dir))
    if (record.role == role) found.push_back(std::move(record.identity));
  return found;
}

Result<void> signal_process(const ProcessIdentity& identity, int signal) {
  TRY(const UniqueFd pidfd, open_pidfd(identity));
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0) return {};
  return errno_error(fmt::format("cannot signal process {}", identity.pid), errno);
}

// Whether `is_true` became true by the deadline.
bool wait_until(Instant deadline, const std::function<bool()>& is_true) {
  while (!is_true()) {
    if (system_clock().now() >= deadline) return false;
    ::poll(nullptr, 0, static_cast<int>(kCommandPoll.count()));
  }
  return true;
}

Error not_running(const fs::path& state_dir) {
  return make_error(ErrorCode::NotFound,
                    fmt::format("--state {}: no `pac serve` runs on it", state_dir.string()));
}

Error too_late(std::string_view what, Millis timeout) {
  return make_error(
      ErrorCode::DeadlineExceeded,
      fmt::format("{} within {} ms; its log says how far it is", what, timeout.count()));
}

// Asks all processes of a role to end and waits for them.
Result<void> end_role(const fs::path& state_dir, std::string_view role, Instant deadline) {
  const auto processes = running(state_dir, role);
  for (const ProcessIdentity& process : processes)
    if (const auto asked = signal_process(process, SIGTERM);
        !asked && asked.error().code != ErrorCode::NotFound)
      return asked;
  const bool has_ended =
      wait_until(deadline, [&] { return std::ranges::none_of(processes, is_running); });
  if (has_ended) return {};
  return make_error(
      ErrorCode::DeadlineExceeded,
      fmt::format("the {} (pid {}) does not end; kill -9 ends it", role, processes.front().pid));
}

}  // namespace

Result<void> upgrade_serve(const fs::path& state_dir, const UpgradeRequest& request,
                           Millis timeout) {
  const auto serves = running(state_dir, "serve");
  if (serves.empty()) return not_running(state_dir);
  const ProcessIdentity& serve = serves.front();
  const fs::path run_dir = state_dir / "run";
  TRY_VOID(write_upgrade_request(run_dir, request));
  TRY_VOID(signal_process(serve, SIGUSR2));
  UpgradeReport report;
  bool is_gone = false;
  const bool is_decided = wait_until(system_clock().now() + timeout, [&] {
    is_gone = !is_running(serve);
    const auto told = read_upgrade_report(run_dir);
    if (told && told->id == request.id) report = *told;
    return is_gone || report.state != UpgradeReport::State::Running;
  });
  if (report.state == UpgradeReport::State::Done) return {};
  if (report.state == UpgradeReport::State::Failed)
    return make_error(ErrorCode::FailedPrecondition, report.error);
  if (is_gone)
    return make_error(
        ErrorCode::Unavailable,
        "`pac serve` ended while it was upgraded; its roles go on: start it again, its "
        "log says why");
  CHECK(!is_decided, "what is decided was told above");
  return too_late("the upgrade did not end", timeout);
}

Result<void> stop_serve(const fs::path& state_dir, Millis timeout) {
  const Instant deadline = system_clock().now() + timeout;
  const auto serves = running(state_dir, "serve");
  if (!serves.empty()) {
    TRY_VOID(signal_process(serves.front(), SIGTERM));
    if (!wait_until(deadline, [&] { return !is_running(serves.front()); }))
      return too_late("`pac serve` did not end", timeout);
  }
  // One that was killed, before or just now, leaves its roles behind. Nobody may start a `pac
  // serve` in the middle of this, which would take over from them.
  TRY(const StateClaim claim, claim_state_dir(state_dir));
  if (running_roles(claim.state_dir).empty()) {
    if (serves.empty()) return not_running(state_dir);
    return {};
  }
  for (const std::string_view role : {"edge", "control", "node"})
    TRY_VOID(end_role(claim.state_dir, role, deadline));
  return {};
}

}  // namespace pixell::cmd
