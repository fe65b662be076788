#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "edge/route_table.hpp"
#include "model/traffic_report.hpp"

namespace pixell::edge {

/// What one loop counts of one revision. Only that loop writes, so plain loads and stores do; the
/// reporter reads meanwhile.
class alignas(64) TrafficCell {
 public:
  /// An exchange starts; end() follows exactly once, and keeps the cell alive until then.
  void begin() { set(active_, active_.load(std::memory_order_relaxed) + 1); }
  /// Its reply's head went to the client, `latency` after the request.
  void replied(std::chrono::nanoseconds latency, bool is_error);
  /// It failed behind the head of its reply.
  void failed() { add(errors_); }
  /// The client left before the reply's head: a request, but neither an error nor a latency.
  void left() { add(requests_); }
  void end() {
    active_.store(active_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  }

  /// Any thread. No exchange runs, and all that ran are counted.
  bool is_idle() const { return active_.load(std::memory_order_acquire) == 0; }
  /// Any thread: adds what was counted.
  void add_to(model::RevisionTraffic& sum) const;

 private:
  using Count = std::atomic<std::int64_t>;
  static void set(Count& count, std::int64_t value) {
    count.store(value, std::memory_order_relaxed);
  }
  static void add(Count& count) { set(count, count.load(std::memory_order_relaxed) + 1); }

  Count active_ = 0;
  Count requests_ = 0;
  Count errors_ = 0;
  std::array<Count, model::kLatencyBuckets> latency_{};
};

/// Counts requests by app and revision, on every loop by itself.
class TrafficMeter {
 public:
  /// One loop's cells by Leg::slot; legs of one revision share one.
  using Cells = std::vector<TrafficCell*>;

  TrafficMeter(int loops, const Clock& clock);

  /// The cells that the legs of `table` count in, for each loop. They stay until keep_only() of a
  /// table without them. One caller at a time, as for keep_only().
  std::vector<Cells> cells_for(const RouteTable& table);
  /// Every loop uses `table`: the other revisions end once they are acknowledged and have no
  /// exchange any more; over kMaxMeasuredRevisions they end without being acknowledged.
  void keep_only(const RouteTable& table);

  UnixMillis started_at() const { return started_at_; }
  /// The revisions that have other counts than those acknowledged. Any thread.
  std::vector<model::RevisionTraffic> changed();
  /// Control has these. Any thread.
  void acknowledge(const std::vector<model::RevisionTraffic>& told);
  /// Control has nothing any more. Any thread.
  void forget_acknowledged();

 private:
  using Key = std::pair<std::string, std::int64_t>;
  struct Revision {
    std::unique_ptr<TrafficCell[]> cells;  // one for each loop
    UnixMillis since = 0;
    std::int64_t acknowledged_requests = 0;
    std::int64_t acknowledged_errors = 0;
    bool is_routed = true;
  };
  model::RevisionTraffic sum(const Key& key, const Revision& revision) const;
  bool is_over(const Revision& revision) const;

  const std::size_t loops_;
  const Clock& clock_;
  const UnixMillis started_at_;
  std::mutex mutex_;  // guards all below, but not what the cells hold
  UnixMillis last_since_ = 0;
  std::map<Key, Revision> revisions_;
};

}  // namespace pixell::edge
