#include "cmd/pac/supervisor.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/files.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

namespace fs = std::filesystem;

Supervisor::Supervisor(std::vector<Role> roles, SupervisorParts parts)
    : roles_(std::move(roles)), parts_(std::move(parts)) {}

void Supervisor::run_until_stopped() {
  while (!is_stopping_) turn(parts_.clock.now() + kIdleTurn);
}

void Supervisor::turn(Instant deadline) {
  if (!is_stopping_) start_due();
  Instant until = deadline;
  if (!is_stopping_)
    for (const Role& role : roles_)
      if (!role.is_running()) until = std::min(until, role.due_at());
  const auto wait = std::chrono::ceil<Millis>(
      std::clamp<Instant::duration>(until - parts_.clock.now(), Millis(0), kIdleTurn));
  pollfd poll_fd{.fd = parts_.signal_fd, .events = POLLIN, .revents = 0};
  if (::poll(&poll_fd, 1, static_cast<int>(wait.count())) > 0) read_signals();
  reap();
}

void Supervisor::start_due() {
  for (Role& role : roles_)
    if (!role.is_running() && role.due_at() <= parts_.clock.now()) start(role);
}

void Supervisor::start(Role& role) {
  role.start(parts_.log, parts_.clock.now());
  if (!role.is_running()) return;
  if (const auto written = write_file_atomically(pid_file(role), fmt::format("{}\n", role.pid()));
      !written)
    parts_.log.error("Pid file not written", {{"error", written.error().message}});
}

void Supervisor::read_signals() {
  signalfd_siginfo info{};
  while (::read(parts_.signal_fd, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    parts_.log.info("Received shutdown signal", {{"signal", info.ssi_signo}});
    if (is_stopping_) is_hasty_ = true;
    is_stopping_ = true;
  }
}

// Any child: as process 1 of a container the supervisor also gets those whose parents ended.
void Supervisor::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    for (Role& role : roles_) {
      if (role.pid() != pid) continue;
      role.ended(parts_.log, status, parts_.clock.now(), is_stopping_);
      std::error_code ignored;  // a stale pid file names a process that is gone
      fs::remove(pid_file(role), ignored);
    }
}

void Supervisor::stop(std::string_view name, Millis timeout) {
  const auto found = std::find_if(roles_.begin(), roles_.end(),
                                  [&](const Role& one) { return one.name() == name; });
  if (found == roles_.end() || !found->is_running()) return;
  ::kill(found->pid(), SIGTERM);
  const Instant asked = parts_.clock.now();
  const auto deadline = [&] {
    return asked + (is_hasty_ ? std::min(timeout, kHastyStopTimeout) : timeout);
  };
  while (found->is_running() && parts_.clock.now() < deadline()) turn(deadline());
  if (!found->is_running()) return;
  parts_.log.warning(is_hasty_ ? "Role killed: a second signal asked to hurry"
                               : "Role killed: it did not stop in time",
                     {{"process", name}, {"pid", found->pid()}});
  ::kill(found->pid(), SIGKILL);
  const Instant last = parts_.clock.now() + kKillTimeout;
  while (found->is_running() && parts_.clock.now() < last) turn(last);
  if (found->is_running())
    parts_.log.error("Role left behind: it does not end even when killed",
                     {{"process", name}, {"pid", found->pid()}});
}

fs::path Supervisor::pid_file(const Role& role) const {
  return parts_.run_dir / (role.name() + ".pid");
}

}  // namespace pixell::cmd
