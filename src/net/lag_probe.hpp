#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "net/event_loop.hpp"

namespace pixell::net {

/// Measures how long an event that is ready waits for its loop: a descriptor of its own is made
/// ready and takes its place behind those of the connections. A measurement is one write and one
/// reading of the clock; between two of them it costs nothing.
class LagProbe final : public FdHandler {
 public:
  using OnLag = std::function<void(std::chrono::nanoseconds lag, Instant now)>;

  /// Calls `on_lag` once for each measurement. `loop` must live longer.
  static Result<std::unique_ptr<LagProbe>> create(EventLoop& loop, OnLag on_lag);
  ~LagProbe() override;

  /// Starts a measurement at `now` unless one is under way. On the loop's thread.
  void start(Instant now);
  bool is_under_way() const { return is_under_way_; }

  void on_ready(std::uint32_t events) override;

 private:
  LagProbe(EventLoop& loop, UniqueFd event, OnLag on_lag);
  EventLoop& loop_;
  UniqueFd event_;
  OnLag on_lag_;
  Instant started_{};
  bool is_under_way_ = false;
};

}  // namespace pixell::net
