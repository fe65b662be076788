#include "edge/overload.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pixell::edge {

void LagController::sample(std::chrono::nanoseconds lag, Instant now) {
  const bool is_over = lag >= target_;
  // Nothing was asked of the loop for a while, and it is free now: it is as if it began.
  if (!is_over && now - last_sample_ > kOverloadOnset) {
    permille_ = 0;
    over_since_.reset();
  }
  last_sample_ = now;
  if (permille_ > 0) {
    watch(lag, now);
    return;
  }
  if (!is_over) {
    over_since_.reset();
    return;
  }
  if (!over_since_) {
    // The event that waited was ready when the wait began, but nobody knows of the time between.
    over_since_ = now;
    over_samples_ = 0;
  }
  if (++over_samples_ < kOverloadSamples || now - *over_since_ < kOverloadOnset) return;
  permille_ = kShedStepUp;
  begin_window(lag, now);
}

void LagController::begin_window(std::chrono::nanoseconds lag, Instant now) {
  window_start_ = now;
  least_lag_ = lag;
}

// While requests are shed: once each window the share follows the least lag of it.
void LagController::watch(std::chrono::nanoseconds lag, Instant now) {
  least_lag_ = std::min(least_lag_, lag);
  if (now - window_start_ < kShedWindow) return;
  if (least_lag_ >= target_)
    permille_ = std::min(permille_ + kShedStepUp, kMaxShedPermille);
  else if (least_lag_ < target_ / 2)
    permille_ = std::max(permille_ - kShedStepDown, 0);
  over_since_.reset();
  begin_window(std::chrono::nanoseconds::max(), now);
}

bool LagController::sheds_next() {
  debt_ += permille_;
  if (debt_ < 1000) return false;
  debt_ -= 1000;
  return true;
}

Result<std::unique_ptr<Overload>> Overload::create(net::EventLoop& loop, OverloadOptions options,
                                                   Log log) {
  std::unique_ptr<Overload> overload(new Overload(options, std::move(log)));
  if (options.lag_target.count() > 0) {
    TRY(overload->probe_,
        net::LagProbe::create(loop,
                              [self = overload.get()](std::chrono::nanoseconds lag, Instant now) {
                                self->on_lag(lag, now);
                              }));
  }
  return overload;
}

Overload::Overload(OverloadOptions options, Log log)
    : options_(options), log_(std::move(log)), controller_(options.lag_target) {}

std::expected<Overload::Slot, Overload::Reason> Overload::enter(Instant now) {
  if (probe_ != nullptr && now >= next_probe_) {
    probe_->start(now);
    next_probe_ = now + kLagProbePause;
  }
  if (under_way_.load(std::memory_order_relaxed) >= options_.max_exchanges) {
    add(shed_exchanges_, 1);
    return std::unexpected(Reason::Exchanges);
  }
  if (controller_.sheds_next()) {
    add(shed_lag_, 1);
    return std::unexpected(Reason::Lag);
  }
  add(under_way_, 1);
  return Slot(this);
}

void Overload::on_lag(std::chrono::nanoseconds lag, Instant now) {
  const int former = controller_.shed_permille();
  controller_.sample(lag, now);
  const int permille = controller_.shed_permille();
  permille_.store(permille, std::memory_order_relaxed);
  if ((former == 0) == (permille == 0)) return;
  const double lag_ms = std::chrono::duration<double, std::milli>(lag).count();
  if (permille > 0)
    log_.warning("Edge sheds requests", {{"lag_ms", lag_ms},
                                         {"lag_target_ms", options_.lag_target.count()},
                                         {"exchanges", under_way()}});
  else
    log_.info("Edge takes all requests again", {{"lag_ms", lag_ms}, {"shed", shed_by_lag()}});
}

ErrorReply Overload::shed_reply(Reason reason) const {
  ErrorReply reply{.status = 503, .code = ErrorCode::Unavailable, .detail = {}};
  reply.detail = reason == Reason::Exchanges
                     ? fmt::format(
                           "the edge has {} exchanges under way in one loop, as many as it takes "
                           "(--max-exchanges); try again",
                           options_.max_exchanges)
                     : fmt::format(
                           "the edge is overloaded: its events wait longer than {} ms "
                           "(--shed-after-ms); try again",
                           options_.lag_target.count());
  reply.more = retry_after(kShedRetryAfter);
  return reply;
}

}  // namespace pixell::edge
