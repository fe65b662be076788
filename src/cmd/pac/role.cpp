#include "cmd/pac/role.hpp"

#include <algorithm>

namespace pixell::cmd {

namespace {

constexpr Millis kFirstBackoff{200};
constexpr Millis kLastBackoff{5'000};
constexpr Millis kStableRun{10'000};

}  // namespace

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
  if (is_expected)
    log.info("Role stopped", {{"process", name_}, {"pid", pid_}, {"exit_code", status.code}});
  else
    log.error(
        "Role ended, will be restarted",
        {{"process", name_}, {"pid", pid_}, {"exit_code", status.code}, {"signal", status.signal}});
  pid_ = 0;
  if (now - started_at_ > kStableRun) backoff_ = Millis(0);
  wait_before_restart(now);
}

void Role::wait_before_restart(Instant now) {
  backoff_ = backoff_.count() == 0 ? kFirstBackoff : std::min(backoff_ * 2, kLastBackoff);
  due_at_ = now + backoff_;
}

}  // namespace pixell::cmd
