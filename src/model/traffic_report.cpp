#include "model/traffic_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pixell::model {

namespace {

Error not_a_report(std::string_view why) {
  return make_error(ErrorCode::InvalidArgument, fmt::format("not a traffic report: {}", why));
}

bool is_negative(std::int64_t count) { return count < 0; }

Result<RevisionTraffic> revision_from_json(const nlohmann::json& json, UnixMillis started_at) {
  RevisionTraffic traffic{.app_id = json.at("app_id").get<std::string>(),
                          .revision = json.at("revision").get<std::int64_t>(),
                          .since = json.value("since", started_at),
                          .requests = json.at("requests").get<std::int64_t>(),
                          .errors = json.at("errors").get<std::int64_t>()};
  const auto counts = json.at("latency_counts").get<std::vector<std::int64_t>>();
  if (counts.size() != kLatencyBuckets)
    return not_a_report(fmt::format("latency_counts of revision {} of '{}' has {} entries, not {}",
                                    traffic.revision, traffic.app_id, counts.size(),
                                    kLatencyBuckets));
  std::copy(counts.begin(), counts.end(), traffic.latency_counts.begin());
  if (is_negative(traffic.requests) || is_negative(traffic.errors) ||
      std::any_of(counts.begin(), counts.end(), is_negative))
    return not_a_report(
        fmt::format("revision {} of '{}' has a count below 0", traffic.revision, traffic.app_id));
  return traffic;
}

}  // namespace

nlohmann::json to_json(const TrafficReport& report) {
  nlohmann::json revisions = nlohmann::json::array();
  for (const RevisionTraffic& traffic : report.revisions)
    revisions.push_back({{"app_id", traffic.app_id},
                         {"revision", traffic.revision},
                         {"since", traffic.since},
                         {"requests", traffic.requests},
                         {"errors", traffic.errors},
                         {"latency_counts", traffic.latency_counts}});
  return {{"started_at", report.started_at}, {"revisions", std::move(revisions)}};
}

Result<TrafficReport> traffic_report_from_json(const nlohmann::json& json) try {
  TrafficReport report{.started_at = json.at("started_at").get<UnixMillis>(), .revisions = {}};
  const nlohmann::json& revisions = json.at("revisions");
  if (revisions.size() > kMaxReportedRevisions)
    return not_a_report(fmt::format("revisions has {} entries; send at most {} at once",
                                    revisions.size(), kMaxReportedRevisions));
  for (const nlohmann::json& entry : revisions) {
    TRY(RevisionTraffic traffic, revision_from_json(entry, report.started_at));
    report.revisions.push_back(std::move(traffic));
  }
  return report;
} catch (const nlohmann::json::exception& wrong) {
  return not_a_report(wrong.what());
}

}  // namespace pixell::model
