#include "cmd/pac/role.hpp"

#include <algorithm>

#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

void Role::start(const Log& log, Instant now) {
  started_at_ = now;
  const auto started = start_process(spec_);
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
  if (now - started_at_ > kStableRoleRun) backoff_ = Millis(0);
  wait_before_restart(now);
  if (is_expected)
    log.info(
        "Role stopped",
        {{"process", name_}, {"pid", pid_}, {"exit_code", status.code}, {"signal", status.signal}});
  else
    log.error("Role ended, will be restarted", {{"process", name_},
                                                {"pid", pid_},
                                                {"exit_code", status.code},
                                                {"signal", status.signal},
                                                {"restart_in_ms", backoff_.count()}});
  pid_ = 0;
}

void Role::wait_before_restart(Instant now) {
  backoff_ = backoff_.count() == 0 ? kFirstRoleBackoff : std::min(backoff_ * 2, kLastRoleBackoff);
  due_at_ = now + backoff_;
}

}  // namespace pixell::cmd
