#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "edge/error_reply.hpp"
#include "edge/limits.hpp"
#include "edge/slot.hpp"
#include "net/lag_probe.hpp"

namespace pixell::edge {

/// When a loop sheds.
struct OverloadOptions {
  int max_exchanges = kMaxExchangesPerLoop;  ///< agents' exchanges under way in one loop
  Millis lag_target = kLagTarget;            ///< a ready event may wait so long; 0 = do not measure
};

/// Decides from measured lags which share of the new requests a loop sheds. After CoDel (RFC 8289)
/// it judges the least lag of an interval, which a burst does not raise and a standing queue does:
/// the loop is overloaded when every lag of kOverloadOnset was over the target. Then the share
/// grows while the least lag stays over the target, and falls when it is under half of it. Pure.
class LagController {
 public:
  explicit LagController(Millis target) : target_(target) {}

  void sample(std::chrono::nanoseconds lag, Instant now);
  /// Whether the next request is shed: that share of them, evenly spread.
  bool sheds_next();
  int shed_permille() const { return permille_; }

 private:
  void begin_window(std::chrono::nanoseconds lag, Instant now);
  void watch(std::chrono::nanoseconds lag, Instant now);

  const std::chrono::nanoseconds target_;
  std::optional<Instant> over_since_;  // every lag since was over the target
  int over_samples_ = 0;
  Instant window_start_{};
  std::chrono::nanoseconds least_lag_{};  // of the window
  Instant last_sample_{};
  int permille_ = 0;
  int debt_ = 0;  // permille of a request that sheds_next() owes
};

/// What keeps one loop from taking more than it can carry. Belongs to the loop's thread, but for
/// the counts.
class Overload {
 public:
  enum class Reason { Exchanges, Lag };

  /// An exchange under way.
  using Slot = edge::Slot<Overload>;

  static Result<std::unique_ptr<Overload>> create(net::EventLoop& loop, OverloadOptions options,
                                                  Log log);

  /// Lets a new exchange in, or says why it is shed.
  std::expected<Slot, Reason> enter(Instant now);
  /// 503, or UNAVAILABLE, with Retry-After.
  ErrorReply shed_reply(Reason reason) const;

  /// Any thread.
  std::int64_t under_way() const { return under_way_.load(std::memory_order_relaxed); }
  std::int64_t shed_by_exchanges() const { return shed_exchanges_.load(std::memory_order_relaxed); }
  std::int64_t shed_by_lag() const { return shed_lag_.load(std::memory_order_relaxed); }
  int shed_permille() const { return permille_.load(std::memory_order_relaxed); }

 private:
  friend Slot;
  using Count = std::atomic<std::int64_t>;
  Overload(OverloadOptions options, Log log);
  void on_lag(std::chrono::nanoseconds lag, Instant now);
  void leave() { add(under_way_, -1); }
  // One thread writes: no locked instruction is needed.
  static void add(Count& count, std::int64_t more) {
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  const OverloadOptions options_;
  const Log log_;
  LagController controller_;
  std::unique_ptr<net::LagProbe> probe_;
  Instant next_probe_{};
  Count under_way_{0};
  Count shed_exchanges_{0};
  Count shed_lag_{0};
  std::atomic<int> permille_{0};
};

}  // namespace pixell::edge
