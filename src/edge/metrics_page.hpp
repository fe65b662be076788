#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/process_usage.hpp"
#include "edge/app_states.hpp"
#include "edge/surface.hpp"
#include "edge/traffic_meter.hpp"
#include "model/latency.hpp"
#include "net/server_tally.hpp"

namespace pixell::edge {

/// What all loops counted of one revision's requests to one surface.
struct SurfaceSum {
  Surface surface = Surface::Rest;
  std::array<std::int64_t, 6> by_class{};
  std::int64_t errors = 0;
  std::int64_t latency_us = 0;
  model::LatencyCounts latency{};
  std::int64_t bytes_in = 0;
  std::int64_t bytes_out = 0;
};
struct RevisionSum {
  std::int64_t revision = 0;
  std::int64_t active = 0;
  std::vector<SurfaceSum> surfaces;  ///< those that were asked for
};
/// The sums of EdgeCounters, by their order there, and what became of the copies for a mirror.
struct AppSum {
  std::string app_id;
  std::int64_t waiting = 0, parked = 0, park_expired = 0, limited = 0, shed = 0, too_large = 0;
  std::int64_t ejections = 0, retries = 0, upstream_opened = 0, upstream_reused = 0;
  std::int64_t mirrored = 0, mirror_dropped = 0, mirror_failed = 0, mirror_differed = 0;
  std::vector<RevisionSum> revisions;
};
/// What the page shows of the apps.
struct AppSums {
  std::vector<AppSum> shown;  ///< by id, at most kMaxMeteredApps of those with a count
  std::size_t not_shown = 0;  ///< apps with counts beyond these
};
/// Adds up what every loop counted. Not on a loop's thread: see TrafficMeter::visit().
AppSums sum_of_apps(const TrafficMeter& meter);
/// Fills in what became of the copies for the mirror that each app shown has now.
void add_mirrors(AppSums& apps, const AppStates& states);

/// What one loop tells of itself.
struct LoopFacts {
  double lag_seconds = 0;        ///< how long a job waited for its turn
  std::int64_t connections = 0;  ///< open, those whose protocol is not known yet included
  std::int64_t exchanges = 0;
  std::int64_t log_lines_dropped = 0;
  net::ServerTally server{};
};
/// What the page shows besides.
struct EdgeFacts {
  std::int64_t generation = 0;  ///< of the routes in force
  std::size_t routes = 0;
  double routes_age_seconds = 0;  ///< since they were put in force
  bool is_from_file = false;      ///< they are the saved ones; control was not reached yet
  std::vector<std::optional<LoopFacts>> loops;  ///< nothing of a loop that did not answer in time
  std::optional<ProcessUsage> process;
};

/// The body of /v1/edge/metrics: Prometheus text. docs/observability.md lists the families. Pure.
std::string metrics_page(const AppSums& apps, const EdgeFacts& facts);

}  // namespace pixell::edge
