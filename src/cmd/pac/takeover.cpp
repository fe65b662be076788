#include "cmd/pac/takeover.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "cmd/pac/limits.hpp"
#include "edge/limits.hpp"

namespace pixell::cmd {

namespace {

std::string_view name_of(int stage) {
  constexpr std::string_view kNames[] = {"edge", "node", "control"};
  return kNames[stage];
}

}  // namespace

Takeover::Takeover(const std::vector<RoleRecord>& former, TakeoverOptions options)
    : options_(std::move(options)), stage_since_(options_.clock.now()) {
  for (const RoleRecord& record : former) {
    if (record.role == "serve") continue;
    auto pidfd = open_pidfd(record.identity);
    if (!pidfd) continue;  // it has ended meanwhile
    options_.log.info("Former role found",
                      {{"process", record.role}, {"pid", record.identity.pid}});
    former_.push_back(
        {.role = record.role, .identity = record.identity, .pidfd = std::move(*pidfd)});
  }
  if (former_.empty()) stage_ = Stage::Over;
}

bool Takeover::has_ended(const Former& process) const {
  pollfd poll_fd{.fd = process.pidfd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

bool Takeover::is_any_left(std::string_view role) const {
  return std::ranges::any_of(former_, [&](const Former& one) { return one.role == role; });
}

bool Takeover::holds_back(std::string_view role) const {
  return role != "edge" && stage_ != Stage::Over && is_any_left(role);
}

void Takeover::send(const Former& process, int signal) const {
  // By its pidfd: the pid alone may name another process by now.
  (void)::syscall(SYS_pidfd_send_signal, process.pidfd.get(), signal, nullptr, 0);
}

void Takeover::ask(Former& process) {
  const Instant now = options_.clock.now();
  process.is_asked = true;
  if (process.role != "edge") {
    send(process, SIGTERM);
    process.kill_at = now + kRoleStopTimeout;
    return;
  }
  siginfo_t leave{};
  leave.si_signo = SIGUSR1;
  leave.si_code = SI_QUEUE;
  leave.si_pid = ::getpid();
  leave.si_uid = ::getuid();
  leave.si_value.sival_int =
      static_cast<int>(std::chrono::ceil<std::chrono::seconds>(options_.drain).count());
  (void)::syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGUSR1, &leave, 0);
  process.kill_at = now + options_.drain + kEdgeStopMargin;
}

void Takeover::kill_overdue() {
  const Instant now = options_.clock.now();
  std::erase_if(former_, [this](const Former& one) { return has_ended(one); });
  for (Former& process : former_) {
    if (!process.is_asked || process.is_killed || now < process.kill_at) continue;
    options_.log.warning("Former role killed: it did not end in time",
                         {{"process", process.role}, {"pid", process.identity.pid}});
    process.is_killed = true;
    send(process, SIGKILL);
  }
}

void Takeover::enter(Stage stage) {
  stage_ = stage;
  stage_since_ = options_.clock.now();
  failure_.clear();
  if (stage == Stage::Over) options_.log.info("Former roles are replaced");
}

void Takeover::turn(const std::function<bool(std::string_view)>& is_ready) {
  kill_overdue();
  while (stage_ != Stage::Over) {
    const std::string_view role = name_of(static_cast<int>(stage_));
    if (stage_ != Stage::Edge)
      for (Former& process : former_)
        if (process.role == role && !process.is_asked) ask(process);
    const bool waits_for_end = stage_ != Stage::Edge && is_any_left(role);
    if (waits_for_end || !is_ready(role)) {
      if (failure_.empty() && options_.clock.now() - stage_since_ > kTakeoverReadyTimeout)
        failure_ = fmt::format("the new {} did not get ready within {} ms; its log says why", role,
                               kTakeoverReadyTimeout.count());
      return;
    }
    if (stage_ == Stage::Edge)
      for (Former& process : former_)
        if (process.role == role) ask(process);
    enter(static_cast<Stage>(static_cast<int>(stage_) + 1));
  }
}

bool Takeover::is_any_running() const {
  return std::ranges::any_of(former_, [this](const Former& one) { return !has_ended(one); });
}

void Takeover::hurry() {
  for (Former& process : former_) {
    process.is_asked = true;
    process.kill_at = options_.clock.now() + edge::kDrainTimeout + kEdgeStopMargin;
    send(process, SIGTERM);
  }
}

void Takeover::kill() {
  for (const Former& process : former_) send(process, SIGKILL);
}

}  // namespace pixell::cmd
