#include "edge/admission.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pixell::edge {

namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

std::int64_t nanos_of(Instant now) { return now.time_since_epoch().count(); }

}  // namespace

void AppAdmission::set_limits(const model::RoutingLimits& limits, Instant now) {
  const std::int64_t rate = limits.requests_per_second;
  // Rounded up: never more than the rate.
  const std::int64_t spacing = rate == 0 ? 0 : (kNanosPerSecond + rate - 1) / rate;
  const std::int64_t burst = limits.burst > 0 ? limits.burst : rate;
  const std::int64_t former = spacing_.load(std::memory_order_relaxed);
  if (former != spacing) {
    // What was used stays used, counted in requests.
    std::int64_t due = next_due_.load(std::memory_order_relaxed);
    std::int64_t moved = 0;
    do {
      const std::int64_t used =
          former == 0 ? 0 : std::max<std::int64_t>(0, due - nanos_of(now)) / former;
      moved = nanos_of(now) + std::min(used, burst) * spacing;
    } while (!next_due_.compare_exchange_weak(due, moved, std::memory_order_relaxed));
  }
  most_.store(limits.max_concurrent, std::memory_order_relaxed);
  rate_.store(rate, std::memory_order_relaxed);
  spacing_.store(spacing, std::memory_order_relaxed);
  tolerance_.store(std::max<std::int64_t>(0, burst - 1) * spacing, std::memory_order_relaxed);
  is_limited_.store(limits.max_concurrent > 0 || spacing > 0, std::memory_order_relaxed);
}

std::expected<AppAdmission::Slot, Refusal> AppAdmission::enter_limited(Instant now) {
  Slot slot;
  if (const std::int64_t most = most_.load(std::memory_order_relaxed); most > 0) {
    if (!take_slot(most)) {
      refused_slots_.fetch_add(1, std::memory_order_relaxed);
      return std::unexpected(Refusal{.limit = Refusal::Limit::Concurrency, .allowed = most});
    }
    slot = Slot(this);
  }
  if (const std::int64_t spacing = spacing_.load(std::memory_order_relaxed); spacing > 0) {
    const auto wait = wait_for_rate(nanos_of(now), spacing);
    if (wait.count() > 0) {
      refused_rate_.fetch_add(1, std::memory_order_relaxed);
      return std::unexpected(Refusal{.limit = Refusal::Limit::Rate,
                                     .allowed = rate_.load(std::memory_order_relaxed),
                                     .wait = wait});
    }
  }
  return slot;
}

bool AppAdmission::take_slot(std::int64_t most) {
  std::int64_t taken = under_way_.load(std::memory_order_relaxed);
  do {
    if (taken >= most) return false;
  } while (!under_way_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed));
  return true;
}

// The generic cell rate algorithm (ITU-T I.371): zero when the request conforms and was counted,
// else how long until one will.
std::chrono::nanoseconds AppAdmission::wait_for_rate(std::int64_t now, std::int64_t spacing) {
  const std::int64_t tolerance = tolerance_.load(std::memory_order_relaxed);
  std::int64_t due = next_due_.load(std::memory_order_relaxed);
  std::int64_t from = 0;
  do {
    from = std::max(due, now);
    if (from - now > tolerance) return std::chrono::nanoseconds(from - now - tolerance);
  } while (!next_due_.compare_exchange_weak(due, from + spacing, std::memory_order_relaxed));
  return {};
}

ErrorReply refusal_reply(const Refusal& refusal, std::string_view app_id) {
  ErrorReply reply{.status = 429, .code = ErrorCode::ResourceExhausted, .detail = {}};
  if (refusal.limit == Refusal::Limit::Concurrency)
    reply.detail = fmt::format(
        "agent '{}' takes {} requests at once (limits.max_concurrent), and so many are under way; "
        "try again when one has ended, or raise the limit with PUT /v1/apps/{}/routing",
        app_id, refusal.allowed, app_id);
  else
    reply.detail = fmt::format(
        "agent '{}' takes {} requests per second (limits.requests_per_second); try again in {} ms, "
        "or raise the limit with PUT /v1/apps/{}/routing",
        app_id, refusal.allowed, std::chrono::ceil<Millis>(refusal.wait).count(), app_id);
  reply.more = retry_after(refusal.wait);
  return reply;
}

}  // namespace pixell::edge
