#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/latency.hpp"

namespace pixell::model {

/// What an edge counted of one revision's requests since a moment; only grows.
struct RevisionTraffic {
  std::string app_id;
  std::int64_t revision = 0;
  UnixMillis since = 0;  ///< when these counters began; with other ones they began anew
  std::int64_t requests = 0;
  std::int64_t errors = 0;         ///< answered 5xx, a failing gRPC status, or not at all
  LatencyCounts latency_counts{};  ///< from the request to the head of its reply
};

/// What an edge tells control: the revisions whose counters changed.
struct TrafficReport {
  UnixMillis started_at = 0;  ///< when the edge began to count
  std::vector<RevisionTraffic> revisions;
};

/// How many revisions one report may have.
inline constexpr std::size_t kMaxReportedRevisions = 1'000;

nlohmann::json to_json(const TrafficReport& report);
/// InvalidArgument names what cannot be read. `since` may be absent: it is started_at then.
Result<TrafficReport> traffic_report_from_json(const nlohmann::json& json);

}  // namespace pixell::model
