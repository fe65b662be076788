#include "net/exchange_deadline.hpp"

#include <algorithm>
#include <utility>

namespace pixell::net {

ExchangeDeadline::ExchangeDeadline(EventLoop& loop, TimeLimits limits,
                                   std::function<void(Limit)> on_due)
    : loop_(loop), idle_(limits.idle), on_due_(std::move(on_due)), moved_(loop.clock().now()) {
  if (limits.reply.count() > 0) reply_due_ = moved_ + limits.reply;
  if (limits.total.count() > 0) total_due_ = moved_ + limits.total;
  look(moved_);
}

Instant ExchangeDeadline::idle_due() const {
  return idle_.count() > 0 ? moved_ + idle_ : Instant::max();
}

void ExchangeDeadline::look(Instant now) {
  timer_.cancel();
  const Instant due = std::min({reply_due_, idle_due(), total_due_});
  if (due == Instant::max()) return;  // the reply came, and nothing else is limited
  if (due > now) {
    timer_ =
        loop_.after(std::chrono::ceil<Millis>(due - now), [this] { look(loop_.clock().now()); });
    return;
  }
  const Limit limit = due == total_due_   ? Limit::Total
                      : due == reply_due_ ? Limit::Reply
                                          : Limit::Idle;
  // The call may destroy us.
  const auto on_due = std::move(on_due_);
  on_due(limit);
}

}  // namespace pixell::net
