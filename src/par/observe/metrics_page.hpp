#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/process_usage.hpp"
#include "model/boot_report.hpp"
#include "par/observe/metrics.hpp"

namespace pixell::par {

/// What /metrics shows besides the counters.
struct MetricsPageFacts {
  std::string phase;  ///< where par is in its life
  bool is_ready = false;
  int workers = 0;     ///< processes of the agent there should be …
  int workers_up = 0;  ///< … and those that answer
  double boot_ms = 0;  ///< 0 before the first ready
  std::vector<model::BootPhase> boot_phases;
  std::optional<ProcessUsage> par;
  std::optional<ProcessUsage> worker;  ///< of all of them together
};

/// The body of /metrics: Prometheus text. docs/observability.md lists the families. Pure.
std::string metrics_page(const Metrics& metrics, const MetricsPageFacts& facts);

}  // namespace pixell::par
