#include "aws/rate_limiter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "aws/limits.hpp"

namespace pixell::aws {

namespace {

double seconds_between(Instant from, Instant to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

RateLimiter::Bucket& RateLimiter::filled(const BucketKey& key) {
  const auto [at, is_new] = buckets_.try_emplace(key);
  Bucket& bucket = at->second;
  const Instant now = clock_.now();
  if (is_new) {
    bucket.nominal = rate_of_(key);
    bucket.per_second = bucket.nominal.per_second;
    bucket.tokens = bucket.nominal.burst;
    bucket.filled_at = now;
    bucket.throttled_at = now - kThrottledHold;
  }
  const double grown = bucket.per_second * seconds_between(bucket.filled_at, now);
  bucket.tokens = std::min(bucket.nominal.burst, bucket.tokens + std::max(0.0, grown));
  bucket.filled_at = now;
  return bucket;
}

Result<RateLimiter::Place> RateLimiter::enter(const BucketKey& key, Lane lane) {
  const std::lock_guard lock(mutex_);
  Bucket& bucket = filled(key);
  if (bucket.waiting.size() >= kMaxWaiting)
    return make_error(ErrorCode::ResourceExhausted,
                      fmt::format("{} calls of {} ({}) wait for their turn already", kMaxWaiting,
                                  key.service, key.action_class));
  Place place{.key = key, .lane = lane, .number = next_number_++};
  bucket.waiting.emplace(lane, place.number);
  return place;
}

Millis RateLimiter::poll(const Place& place) {
  const std::lock_guard lock(mutex_);
  Bucket& bucket = filled(place.key);
  const auto mine = bucket.waiting.find({place.lane, place.number});
  const auto before = std::distance(bucket.waiting.begin(), mine);
  const double needed = static_cast<double>(before) + 1;
  // Whoever stands before takes what is there first.
  if (bucket.tokens >= needed - 1e-9) {
    bucket.tokens -= 1;
    if (mine != bucket.waiting.end()) bucket.waiting.erase(mine);
    return Millis(0);
  }
  const double wait = (needed - bucket.tokens) / bucket.per_second;
  return std::max(Millis(1), Millis(static_cast<Millis::rep>(std::ceil(wait * 1000))));
}

void RateLimiter::leave(const Place& place) {
  const std::lock_guard lock(mutex_);
  filled(place.key).waiting.erase({place.lane, place.number});
}

Result<void> RateLimiter::acquire(const BucketKey& key, Lane lane, Millis patience,
                                  const Outside& outside, const std::stop_token& stop) {
  TRY(const Place place, enter(key, lane));
  const Instant deadline = clock_.now() + patience;
  while (true) {
    const Millis wait = poll(place);
    if (wait == Millis(0)) return {};
    const bool is_late = clock_.now() + wait > deadline;
    if (is_late || stop.stop_requested()) {
      leave(place);
      if (!is_late) return make_error(ErrorCode::Cancelled, "stopped while waiting for its turn");
      return make_error(ErrorCode::DeadlineExceeded,
                        fmt::format("the turn of this call of {} ({}) comes in {} ms, after its "
                                    "deadline; AWS allows {} a second",
                                    key.service, key.action_class, wait.count(), rate(key)));
    }
    outside.sleep(std::min(wait, kTokenLook), stop);
  }
}

void RateLimiter::throttled(const BucketKey& key) {
  const std::lock_guard lock(mutex_);
  Bucket& bucket = filled(key);
  bucket.tokens = std::min(bucket.tokens, 0.0);
  // Calls that were under way together tell of one excess, not of several.
  if (clock_.now() - bucket.throttled_at < kThrottledHold) return;
  bucket.throttled_at = clock_.now();
  bucket.per_second =
      std::max(bucket.per_second * kThrottledFactor, bucket.nominal.per_second * kLeastShare);
}

void RateLimiter::succeeded(const BucketKey& key) {
  const std::lock_guard lock(mutex_);
  Bucket& bucket = filled(key);
  bucket.per_second = std::min(bucket.nominal.per_second,
                               bucket.per_second + bucket.nominal.per_second * kRecoveredShare);
}

double RateLimiter::rate(const BucketKey& key) {
  const std::lock_guard lock(mutex_);
  return filled(key).per_second;
}

BucketRate published_rate(const BucketKey& key) {
  if (key.action_class == "register") return {.burst = 20, .per_second = 1};
  if (key.service == "ecs" && key.action_class == "read") return {.burst = 50, .per_second = 20};
  if (key.service == "ecs") return {.burst = 40, .per_second = 5};
  if (key.service == "elbv2" && key.action_class == "read") return {.burst = 40, .per_second = 10};
  if (key.service == "s3") return {.burst = 200, .per_second = 100};
  return key.action_class == "read" ? BucketRate{.burst = 20, .per_second = 10}
                                    : BucketRate{.burst = 10, .per_second = 3};
}

}  // namespace pixell::aws
