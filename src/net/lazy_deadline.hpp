#pragma once

#include <functional>
#include <utility>

#include "net/event_loop.hpp"

// Internal to net: a deadline that moves with every request.

namespace pixell::net {

/// Calls `on_due` once when a deadline has passed. Moving the deadline further away, as each
/// keep-alive request does, touches no timer: the one that is set looks again when it fires.
class LazyDeadline {
 public:
  LazyDeadline(EventLoop& loop, std::function<void()> on_due)
      : loop_(loop), on_due_(std::move(on_due)) {}

  void set(Millis delay) {
    due_ = loop_.clock().now() + delay;
    if (timer_.is_set() && fires_ <= due_) return;
    arm(delay);
  }
  bool is_set() const { return due_ != Instant::max(); }
  /// No deadline; costs nothing.
  void clear() { due_ = Instant::max(); }
  /// Also takes the timer from the loop.
  void cancel() {
    clear();
    timer_.cancel();
  }

 private:
  void arm(Millis delay) {
    fires_ = loop_.clock().now() + delay;
    timer_ = loop_.after(delay, [this] { fire(); });
  }
  void fire() {
    timer_.cancel();
    if (due_ == Instant::max()) return;
    const auto rest = due_ - loop_.clock().now();
    if (rest.count() > 0) {
      arm(std::chrono::ceil<Millis>(rest));
      return;
    }
    clear();
    on_due_();
  }

  EventLoop& loop_;
  std::function<void()> on_due_;
  Timer timer_;
  Instant due_ = Instant::max();
  Instant fires_ = Instant::max();
};

}  // namespace pixell::net
