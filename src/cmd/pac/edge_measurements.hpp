#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/clock.hpp"
#include "cmd/pac/limits.hpp"
#include "model/traffic_report.hpp"
#include "reconcile/edge_signals.hpp"

namespace pixell::cmd {

/// How much EdgeMeasurements remembers.
struct MeasurementLimits {
  std::size_t samples = kMaxTrafficSamples;
  std::size_t series = kMaxTrafficSeries;
};

/// Remembers for an hour what the edges counted, about one sample a second for each revision. Glue
/// between the API, which takes the edges' reports, and the reconciler, which judges rollouts by
/// them. In memory: what was counted before control started is known only as a sum since the
/// edge began to count it, and is taken to have happened then.
class EdgeMeasurements final : public reconcile::EdgeSignals {
 public:
  explicit EdgeMeasurements(const Clock& clock, MeasurementLimits limits = {})
      : clock_(clock),
        limits_(limits),
        listening_since_(clock.unix_now()),
        reliable_since_(listening_since_) {}

  /// Takes what an edge tells: its counters, which only grow. Told again, nothing is counted twice;
  /// counters that began anew count from 0. Since when this object has been listening, by which
  /// the edge finds out that it has to tell everything. Safe from any thread.
  UnixMillis take(std::string_view edge, const model::TrafficReport& report);

  reconcile::TrafficMeasured measured(std::string_view app_id, std::int64_t revision,
                                      UnixMillis since) override;

 private:
  using Key = std::pair<std::string, std::int64_t>;  // app, revision
  // Edge, when its process began to count, app, revision: two processes of an edge, one of which
  // leaves, tell at the same time.
  using SeriesKey = std::tuple<std::string, UnixMillis, std::string, std::int64_t>;
  struct Series {
    model::RevisionTraffic last;
  };
  struct Sample {
    UnixMillis first_at = 0;
    UnixMillis last_at = 0;
    std::uint32_t requests = 0;
    std::uint32_t errors = 0;
    std::array<std::uint32_t, model::kLatencyBuckets> latency{};
  };
  void take_one(std::string_view edge, UnixMillis started_at, const model::RevisionTraffic& told);
  void add(const model::RevisionTraffic& grown, UnixMillis at);
  void drop_until(UnixMillis horizon);
  void keep_in_bounds(UnixMillis now);

  const Clock& clock_;
  const MeasurementLimits limits_;
  const UnixMillis listening_since_;
  std::mutex mutex_;           // guards all below
  UnixMillis reliable_since_;  // counters that began later were seen from their start
  UnixMillis dropped_at_ = 0;
  std::map<SeriesKey, Series> series_;
  std::map<Key, std::deque<Sample>> samples_;  // by last_at
  std::size_t sample_count_ = 0;
};

}  // namespace pixell::cmd
