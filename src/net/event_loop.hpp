#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace pixell::net {

/// Told when a descriptor is ready. Edge-triggered: read or write until EAGAIN.
class FdHandler {
 public:
  virtual ~FdHandler() = default;
  /// `events` are EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR bits.
  virtual void on_ready(std::uint32_t events) = 0;
};

/// Cancels a timer when it is destroyed. Empty when default-made.
class Timer {
 public:
  Timer() = default;
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  ~Timer();
  void cancel();
  bool is_set() const { return loop_ != nullptr; }

 private:
  friend class EventLoop;
  Timer(class EventLoop* loop, std::uint64_t id) : loop_(loop), id_(id) {}
  class EventLoop* loop_ = nullptr;
  std::uint64_t id_ = 0;
};

/// One epoll loop on one thread. Everything but post(), stop() and now() belongs to that thread.
class EventLoop {
 public:
  static Result<std::unique_ptr<EventLoop>> create(const Clock& clock = system_clock());
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs until stop(). Callbacks of one turn run in order: descriptors, timers, posted jobs, and
  /// last the deferred deletions.
  void run();
  /// Ends run() after the current turn. From any thread, and from a signal handler's eventfd.
  void stop();
  /// Runs a job on the loop thread. From any thread; jobs keep their order.
  void post(std::function<void()> job);

  /// Registers a descriptor for EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET (or the bits given). The
  /// handler must stay until remove(); after remove() it is not called, even in the same turn.
  Result<void> add(int fd, FdHandler& handler);
  Result<void> add(int fd, FdHandler& handler, std::uint32_t events);
  /// As the first, but EPOLLOUT is told once and then only after await_writable(). For Unix
  /// sockets: they become writable anew whenever the peer reads, so that every message would cost
  /// its sender a turn. (TCP announces room only to whom it was refused.)
  Result<void> add_local(int fd, FdHandler& handler);
  /// A write was refused (EAGAIN): EPOLLOUT follows as soon as there is room, whatever the
  /// descriptor was added with.
  void await_writable(int fd);
  void remove(int fd);

  /// Calls `job` once after `delay`. The Timer cancels it when destroyed.
  Timer after(Millis delay, std::function<void()> job);

  /// Destroys the object at the end of this turn (a handler must not die in its own callback).
  template <class T>
  void delete_later(std::unique_ptr<T> object) {
    if (object != nullptr)
      call_last(object.release(), [](void* doomed) { delete static_cast<T*>(doomed); });
  }
  void delete_later(std::shared_ptr<void> object) {
    delete_later(std::make_unique<std::shared_ptr<void>>(std::move(object)));
  }
  /// Calls `job(object)` at the end of this turn, with the deletions. Allocates nothing.
  void call_last(void* object, void (*job)(void*));

  const Clock& clock() const;
  /// When this turn began to handle its events: good for deadlines and for how long things took,
  /// without a look at the clock for each.
  Instant now() const;
  /// True on the thread that runs the loop.
  bool is_current() const;
  /// A scratch buffer for reads, shared by everything on this loop. Larger than 64 KiB, so that a
  /// body of that size comes with its head in one read.
  char* scratch();
  static constexpr std::size_t kScratchBytes = 80 * 1024;

 private:
  friend class Timer;
  EventLoop();
  void cancel_timer(std::uint64_t id);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pixell::net
