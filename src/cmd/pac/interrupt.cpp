#include "cmd/pac/interrupt.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "base/check.hpp"
#include "base/unique_fd.hpp"

namespace pixell::cmd {

struct Interrupt::Impl {
  UniqueFd signals;
  UniqueFd end;
  sigset_t before{};
  std::stop_source stop;
  std::thread thread;

  void wait_for_a_signal() {
    pollfd watched[] = {{signals.get(), POLLIN, 0}, {end.get(), POLLIN, 0}};
    while (::poll(watched, 2, -1) < 0 && errno == EINTR) {
    }
    if (watched[0].revents == 0) return;
    // Taken, or it would end the process when it is let through again.
    signalfd_siginfo taken{};
    if (::read(signals.get(), &taken, sizeof taken) > 0) stop.request_stop();
  }
};

Interrupt::Interrupt() : impl_(std::make_unique<Impl>()) {}

Result<std::unique_ptr<Interrupt>> Interrupt::catch_signals() {
  std::unique_ptr<Interrupt> made(new Interrupt());
  Impl& impl = *made->impl_;
  sigset_t caught;
  ::sigemptyset(&caught);
  ::sigaddset(&caught, SIGINT);
  ::sigaddset(&caught, SIGTERM);
  impl.signals.reset(::signalfd(-1, &caught, SFD_CLOEXEC));
  impl.end.reset(::eventfd(0, EFD_CLOEXEC));
  if (impl.signals.get() < 0 || impl.end.get() < 0)
    return errno_error("cannot wait for Ctrl-C", errno);
  ::pthread_sigmask(SIG_BLOCK, &caught, &impl.before);
  impl.thread = std::thread([&impl] { impl.wait_for_a_signal(); });
  return made;
}

Interrupt::~Interrupt() {
  if (!impl_->thread.joinable()) return;
  const std::uint64_t one = 1;
  CHECK(::write(impl_->end.get(), &one, sizeof one) == sizeof one,
        "an eventfd takes a first count");
  impl_->thread.join();
  ::pthread_sigmask(SIG_SETMASK, &impl_->before, nullptr);
}

std::stop_token Interrupt::token() const { return impl_->stop.get_token(); }

}  // namespace pixell::cmd
