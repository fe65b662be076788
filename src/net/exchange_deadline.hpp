#pragma once

#include <functional>

#include "base/clock.hpp"
#include "net/event_loop.hpp"

namespace pixell::net {

/// How long an exchange may take; 0 = as long as it takes.
struct TimeLimits {
  Millis reply{0};  ///< until the reply's head
  Millis idle{0};   ///< without a byte either way
  Millis total{0};  ///< until its end: a gRPC call's own deadline
  bool any() const { return reply.count() > 0 || idle.count() > 0 || total.count() > 0; }
};

/// Watches the time limits of one exchange with one timer. What moves a limit away touches no
/// timer: the one that is set looks again when it fires.
class ExchangeDeadline {
 public:
  enum class Limit { Reply, Idle, Total };

  /// Calls `on_due` once, unless it is destroyed before.
  ExchangeDeadline(EventLoop& loop, TimeLimits limits, std::function<void(Limit)> on_due);

  /// Bytes passed.
  void progress(Instant now) { moved_ = now; }
  /// The reply's head came.
  void replied() { reply_due_ = Instant::max(); }

 private:
  Instant idle_due() const;
  void look(Instant now);

  EventLoop& loop_;
  const Millis idle_;
  std::function<void(Limit)> on_due_;
  Instant reply_due_ = Instant::max();
  Instant total_due_ = Instant::max();
  Instant moved_;  // when bytes passed last
  Timer timer_;
};

}  // namespace pixell::net
