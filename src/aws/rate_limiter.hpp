#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "aws/transport.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace pixell::aws {

/// Who goes first when there are fewer tokens than callers.
enum class Lane { Deploy, Rollback, Reconcile, Collect };

/// What AWS counts together.
struct BucketKey {
  std::string account;  ///< may be empty: one account
  std::string region;
  std::string service;       ///< "ecs"
  std::string action_class;  ///< "read", "write", "register"
  auto operator<=>(const BucketKey&) const = default;
};

/// A token bucket's size and how fast it fills.
struct BucketRate {
  double burst = 1;
  double per_second = 1;
};

/// Token buckets, one for each key, for all callers of this process. A throttled call empties its
/// bucket and halves the rate, and each success gives a twentieth back. Safe from several threads.
class RateLimiter {
 public:
  /// `clock` outlives this; `rate_of` names a bucket's nominal rate when it is first used.
  RateLimiter(const Clock& clock, std::function<BucketRate(const BucketKey&)> rate_of)
      : clock_(clock), rate_of_(std::move(rate_of)) {}

  /// A place in the queue of a bucket.
  struct Place {
    BucketKey key;
    Lane lane = Lane::Reconcile;
    std::uint64_t number = 0;
  };

  /// Queues up; leave() ends it. ResourceExhausted when kMaxWaiting wait already.
  Result<Place> enter(const BucketKey& key, Lane lane);
  /// Takes a token for a place and returns 0, or how long it will be until there is one.
  Millis poll(const Place& place);
  /// Gives up a place, also after its token was taken.
  void leave(const Place& place);

  /// Waits for a token: enter, poll, leave. DeadlineExceeded when it would come after `patience`,
  /// Cancelled when stopped.
  Result<void> acquire(const BucketKey& key, Lane lane, Millis patience, const Outside& outside,
                       const std::stop_token& stop);

  void throttled(const BucketKey& key);
  void succeeded(const BucketKey& key);

  /// Tokens per second right now.
  double rate(const BucketKey& key);

 private:
  struct Bucket {
    BucketRate nominal;
    double per_second = 0;
    double tokens = 0;
    Instant filled_at{};
    Instant throttled_at{};
    std::set<std::pair<Lane, std::uint64_t>> waiting;  // first come, first served in each lane
  };
  Bucket& filled(const BucketKey& key);

  const Clock& clock_;
  const std::function<BucketRate(const BucketKey&)> rate_of_;
  std::mutex mutex_;  // guards what follows
  std::map<BucketKey, Bucket> buckets_;
  std::uint64_t next_number_ = 1;
};

/// The rates AWS publishes for the services Pixell calls, or the careful guess of docs/aws.md.
BucketRate published_rate(const BucketKey& key);

}  // namespace pixell::aws
