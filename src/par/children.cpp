#include "par/children.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pixell::par {

void Children::watch(pid_t pid, OnExit on_exit) { watched_[pid] = std::move(on_exit); }

void Children::forget(pid_t pid) { watched_.erase(pid); }

void Children::reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return;
    const auto found = watched_.find(pid);
    if (found == watched_.end()) continue;  // an orphan that came to us; reaping it was all
    const OnExit on_exit = std::move(found->second);
    watched_.erase(found);
    on_exit(exit_status_of(status));
  }
}

namespace {

// SIGINT and SIGHUP stay ignored when they came so: shells and nohup mean it.
sigset_t wanted_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&wanted, signal);
  return wanted;
}

}  // namespace

Result<void> Signals::hold() {
  const sigset_t wanted = wanted_signals();
  if (::sigprocmask(SIG_BLOCK, &wanted, nullptr) != 0)
    return errno_error("cannot block signals", errno);
  // An ignored signal reaches no signalfd, and children of one who ignores them leave no status.
  ::signal(SIGCHLD, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  // A peer that closes its socket must cost an error code, not the process.
  ::signal(SIGPIPE, SIG_IGN);
  return {};
}

Result<std::unique_ptr<Signals>> Signals::create(net::EventLoop& loop, Children& children,
                                                 OnStop on_stop) {
  TRY_VOID(hold());
  const sigset_t wanted = wanted_signals();
  UniqueFd fd(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return errno_error("cannot make a signalfd", errno);
  std::unique_ptr<Signals> signals(new Signals(loop, children, std::move(on_stop), std::move(fd)));
  TRY_VOID(loop.add(signals->fd_.get(), *signals));
  return signals;
}

Signals::~Signals() { loop_.remove(fd_.get()); }

void Signals::on_ready(std::uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD)
      children_.reap();
    else
      on_stop_(static_cast<int>(info.ssi_signo));
  }
}

void signal_group(pid_t leader, int signal) {
  // ESRCH: everybody of the group has ended and was reaped, which is what was wanted.
  if (leader > 0) (void)::kill(-leader, signal);
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? "signal" : std::string("SIG") + name;
}

}  // namespace pixell::par
