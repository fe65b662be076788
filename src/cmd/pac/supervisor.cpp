#include "cmd/pac/supervisor.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "base/files.hpp"
#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

namespace fs = std::filesystem;

Supervisor::Supervisor(std::vector<Role> roles, SupervisorParts parts)
    : roles_(std::move(roles)), watches_(roles_.size()), parts_(std::move(parts)) {}

void Supervisor::run_until_asked() {
  while (!is_stopping_ && !wants_upgrade_) turn(parts_.clock.now() + kIdleTurn);
}

void Supervisor::turn(Instant deadline) {
  if (!is_stopping_) start_due();
  wait(deadline);
  reap();
  kill_hung();
  if (parts_.takeover != nullptr && !is_stopping_)
    parts_.takeover->turn([this](std::string_view name) { return is_ready(name); });
  if (parts_.on_turn) parts_.on_turn();
}

void Supervisor::wait(Instant deadline) {
  const bool is_taking_over = parts_.takeover != nullptr && !parts_.takeover->is_over();
  Instant until = deadline;
  if (!is_stopping_)
    for (const Role& role : roles_)
      if (!role.is_running()) until = std::min(until, role.due_at());
  const Millis longest = is_taking_over ? kTakeoverTurn : kIdleTurn;
  const auto wait = std::chrono::ceil<Millis>(
      std::clamp<Instant::duration>(until - parts_.clock.now(), Millis(0), longest));
  std::vector<pollfd> fds{{.fd = parts_.signal_fd, .events = POLLIN, .revents = 0}};
  for (const Watch& watch : watches_)
    fds.push_back({.fd = watch.line.get(), .events = POLLIN, .revents = 0});
  const bool has_news = ::poll(fds.data(), fds.size(), static_cast<int>(wait.count())) > 0;
  for (Watch& watch : watches_) watch.pulse.looked(parts_.clock.now());
  if (!has_news) return;
  if (fds[0].revents != 0) read_signals();
  for (std::size_t i = 0; i < watches_.size(); ++i)
    if (fds[i + 1].revents != 0) listen(i);
}

void Supervisor::start_due() {
  for (std::size_t i = 0; i < roles_.size(); ++i) {
    const Role& role = roles_[i];
    if (role.is_running() || role.due_at() > parts_.clock.now()) continue;
    if (parts_.takeover == nullptr || !parts_.takeover->holds_back(role.name())) start(i);
  }
}

void Supervisor::start(std::size_t index) {
  Role& role = roles_[index];
  auto ends = make_life_line();
  if (!ends)
    parts_.log.error("Role is not watched",
                     {{"process", role.name()}, {"error", ends.error().message}});
  const Instant now = parts_.clock.now();
  role.start(parts_.log, now, ends ? ends->spoken.get() : -1);
  watches_[index] = {.line = ends ? std::move(ends->watched) : UniqueFd(), .pulse = Pulse(now)};
  if (!role.is_running()) return;
  // What names a process need not survive more than the processes do.
  if (const auto written = write_file_atomically(pid_file(role), fmt::format("{}\n", role.pid()),
                                                 0600, Durability::ProcessCrash);
      !written)
    parts_.log.error("Pid file not written", {{"error", written.error().message}});
}

void Supervisor::listen(std::size_t index) {
  Watch& watch = watches_[index];
  std::array<std::uint8_t, kLifeLineBytes> bytes;
  const ssize_t got = ::read(watch.line.get(), bytes.data(), bytes.size());
  const Instant now = parts_.clock.now();
  const bool was_ready = watch.pulse.is_ready();
  for (ssize_t i = 0; i < got; ++i) watch.pulse.heard(bytes[static_cast<std::size_t>(i)], now);
  if (watch.pulse.is_ready() && !was_ready)
    parts_.log.info("Role ready", {{"process", roles_[index].name()}});
  if (got == 0) watch.line.reset();  // it ends; its child signal follows
}

void Supervisor::kill_hung() {
  for (std::size_t i = 0; i < roles_.size(); ++i) {
    Watch& watch = watches_[i];
    if (!roles_[i].is_running() || !watch.line || watch.is_killed) continue;
    const std::string complaint = watch.pulse.complaint(parts_.clock.now());
    if (complaint.empty() || is_traced(roles_[i].pid())) continue;
    parts_.log.error(
        "Role killed: it hangs",
        {{"process", roles_[i].name()}, {"pid", roles_[i].pid()}, {"reason", complaint}});
    watch.is_killed = true;
    ::kill(roles_[i].pid(), SIGKILL);
  }
}

bool Supervisor::is_ready(std::string_view name) const {
  for (std::size_t i = 0; i < roles_.size(); ++i)
    if (roles_[i].name() == name) return roles_[i].is_running() && watches_[i].pulse.is_ready();
  return true;
}

void Supervisor::read_signals() {
  signalfd_siginfo info{};
  while (::read(parts_.signal_fd, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    if (info.ssi_signo == SIGUSR2) {
      wants_upgrade_ = true;
      continue;
    }
    parts_.log.info("Received shutdown signal", {{"signal", info.ssi_signo}});
    if (is_stopping_) is_hasty_ = true;
    is_stopping_ = true;
  }
}

// Any child: as process 1 of a container the supervisor also gets those whose parents ended, and
// after an upgrade those that it started before.
void Supervisor::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    forget_role(parts_.run_dir.parent_path(), pid);
    for (std::size_t i = 0; i < roles_.size(); ++i) {
      Role& role = roles_[i];
      if (role.pid() != pid) continue;
      role.ended(parts_.log, status, parts_.clock.now(), is_stopping_);
      watches_[i] = {};
      std::error_code ignored;  // a stale pid file names a process that is gone
      fs::remove(pid_file(role), ignored);
    }
  }
}

void Supervisor::end_unready() {
  const auto is_any_left = [this] {
    for (const Role& role : roles_)
      if (role.is_running() && !is_ready(role.name())) return true;
    return false;
  };
  for (const Role& role : roles_)
    if (role.is_running() && !is_ready(role.name())) ::kill(role.pid(), SIGKILL);
  const Instant last = parts_.clock.now() + kKillTimeout;
  while (is_any_left() && parts_.clock.now() < last) {
    ::poll(nullptr, 0, static_cast<int>(kTakeoverTurn.count()));
    reap();
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
