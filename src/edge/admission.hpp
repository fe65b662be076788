#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "edge/error_reply.hpp"
#include "edge/slot.hpp"
#include "model/routing.hpp"

namespace pixell::edge {

/// Why a request of an app was not let in.
struct Refusal {
  enum class Limit { Concurrency, Rate };
  Limit limit = Limit::Concurrency;
  std::int64_t allowed = 0;         ///< exchanges at once, or requests per second
  std::chrono::nanoseconds wait{};  ///< until one more is let in; 0 = when another ends
};

/// What one app's requests take of this edge, counted over all its loops without a lock. Lives
/// until the last Slot is gone.
class AppAdmission {
 public:
  /// One exchange under way.
  using Slot = edge::Slot<AppAdmission>;

  /// Puts other limits in force. Exchanges under way stay counted, and so do the requests that the
  /// rate was used for. One caller at a time, beside enter() on any thread.
  void set_limits(const model::RoutingLimits& limits, Instant now);

  /// Lets a request in, or says why not; a refused one takes nothing. Any thread.
  std::expected<Slot, Refusal> enter(Instant now) {
    if (!is_limited_.load(std::memory_order_relaxed)) return Slot();
    return enter_limited(now);
  }

  /// Counted exchanges: those let in while there was a limit of them. Any thread.
  std::int64_t under_way() const { return under_way_.load(std::memory_order_acquire); }
  std::int64_t refused_by_concurrency() const {
    return refused_slots_.load(std::memory_order_relaxed);
  }
  std::int64_t refused_by_rate() const { return refused_rate_.load(std::memory_order_relaxed); }

 private:
  friend Slot;
  using Count = std::atomic<std::int64_t>;
  std::expected<Slot, Refusal> enter_limited(Instant now);
  bool take_slot(std::int64_t most);
  std::chrono::nanoseconds wait_for_rate(std::int64_t now, std::int64_t spacing);
  // Pairs with under_way(): who sees no exchange may free this.
  void leave() { under_way_.fetch_sub(1, std::memory_order_release); }

  std::atomic<bool> is_limited_{false};
  Count most_{0};       // exchanges; 0 = no limit
  Count rate_{0};       // requests per second, as it was given
  Count spacing_{0};    // nanoseconds from request to request at the full rate; 0 = no limit
  Count tolerance_{0};  // nanoseconds that requests may come early: the burst
  Count under_way_{0};
  // The theoretical arrival time of GCRA: when the rate has been used up to now, in nanoseconds.
  Count next_due_{0};
  Count refused_slots_{0};
  Count refused_rate_{0};
};

/// 429, or RESOURCE_EXHAUSTED, that names the app, its limit and the remedy, with Retry-After.
ErrorReply refusal_reply(const Refusal& refusal, std::string_view app_id);

}  // namespace pixell::edge
