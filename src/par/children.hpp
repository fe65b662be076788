#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/process.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/event_loop.hpp"

namespace pixell::par {

/// Who is told when a child ends. par may be process 1 of a container: every child is reaped,
/// also those it never started.
class Children {
 public:
  using OnExit = std::function<void(ExitStatus)>;

  /// Calls `on_exit` once when this child of ours has ended and was reaped.
  void watch(pid_t pid, OnExit on_exit);
  /// Nobody is told any more; the child is still reaped.
  void forget(pid_t pid);
  /// Reaps whoever has ended. Called on SIGCHLD.
  void reap();

 private:
  std::map<pid_t, OnExit> watched_;
};

/// Turns SIGCHLD, SIGTERM, SIGINT and SIGHUP into calls on the loop (signalfd).
class Signals final : public net::FdHandler {
 public:
  using OnStop = std::function<void(int signal)>;

  /// Lets the signals wait from now on for create(), so that none is lost before; whatever was
  /// inherited, the death of a child and SIGTERM are not ignored. To be called before any thread
  /// is started.
  static Result<void> hold();
  static Result<std::unique_ptr<Signals>> create(net::EventLoop& loop, Children& children,
                                                 OnStop on_stop);
  ~Signals() override;
  void on_ready(std::uint32_t events) override;

 private:
  Signals(net::EventLoop& loop, Children& children, OnStop on_stop, UniqueFd fd)
      : loop_(loop), children_(children), on_stop_(std::move(on_stop)), fd_(std::move(fd)) {}

  net::EventLoop& loop_;
  Children& children_;
  OnStop on_stop_;
  UniqueFd fd_;
};

/// Sends a signal to a child's whole process group; a group that has gone is fine.
void signal_group(pid_t leader, int signal);

/// "SIGKILL", or "signal" for one without a name.
std::string signal_name(int signal);

}  // namespace pixell::par
