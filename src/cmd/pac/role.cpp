#include "cmd/pac/role.hpp"

#include <algorithm>

#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

void Role::start(const Log& log, Instant now, int life_fd) {
  started_at_ = now;
  ProcessSpec spec = spec_;
  if (life_fd >= 0) spec.fds.emplace_back(life_fd, kLifeFd);
  const auto started = start_process(spec);
  if (!started) {
    log.error("Role not started", {{"process", name_}, {"error", started.error().message}});
    wait_before_restart(now);
    return;
  }
  pid_ = *started;
  log.info("Role started", {{"process", name_}, {"pid", pid_}});
}

void Role::ended(const Log& log, int wait_status, Instant now, bool is_expected) {
  const ExitStatus status = exit_status_of(wait_status);
  if (now - started_at_ > kStableRoleRun) early_ends_ = 0;
  const Millis pause = wait_before_restart(now);
  if (is_expected)
    log.info(
        "Role stopped",
        {{"process", name_}, {"pid", pid_}, {"exit_code", status.code}, {"signal", status.signal}});
  else
    log.error("Role ended, will be restarted", {{"process", name_},
                                                {"pid", pid_},
                                                {"exit_code", status.code},
                                                {"signal", status.signal},
                                                {"restart_in_ms", pause.count()}});
  pid_ = 0;
}

Millis Role::wait_before_restart(Instant now) {
  const Millis pause = kRoleBackoffs[std::min(early_ends_, kRoleBackoffs.size() - 1)];
  ++early_ends_;
  due_at_ = now + pause;
  return pause;
}

}  // namespace pixell::cmd
