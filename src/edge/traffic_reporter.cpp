#include "edge/traffic_reporter.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "edge/limits.hpp"

namespace pixell::edge {

TrafficReporter::TrafficReporter(TrafficMeter& meter, TrafficSink& sink, Log log)
    : meter_(meter), sink_(sink), log_(std::move(log)) {}

TrafficReporter::~TrafficReporter() { stop(); }

void TrafficReporter::start() {
  thread_ = std::jthread([this](std::stop_token stop) { follow(stop); });
}

void TrafficReporter::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  if (const auto told = report(false); !told)
    log_.debug("Last measurements not taken", {{"error", told.error().message}});
}

Result<void> TrafficReporter::report(bool asks_anyway) {
  const std::vector<model::RevisionTraffic> changed = meter_.changed();
  for (std::size_t at = 0; at < changed.size() || asks_anyway; asks_anyway = false) {
    const std::size_t end = std::min(at + model::kMaxReportedRevisions, changed.size());
    const model::TrafficReport report{.started_at = meter_.started_at(),
                                      .revisions = {changed.begin() + static_cast<long>(at),
                                                    changed.begin() + static_cast<long>(end)}};
    TRY(const UnixMillis listening_since, sink_.send(report));
    if (listening_since != listening_since_) meter_.forget_acknowledged();
    listening_since_ = listening_since;
    meter_.acknowledge(report.revisions);
    at = end;
  }
  return {};
}

void TrafficReporter::follow(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  Millis pause = kTrafficReportPeriod;
  Millis since_asked{0};
  bool was_away = false;
  while (true) {
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, pause, [] { return false; });
    if (stop.stop_requested()) return;
    since_asked += pause;
    const bool asks_anyway = since_asked >= kTrafficAskPeriod;
    if (asks_anyway) since_asked = Millis(0);
    const auto told = report(asks_anyway);
    // One line per outage, not one per try.
    if (!told && !was_away)
      log_.warning("Measurements are not taken, counting on", {{"error", told.error().message}});
    if (told && was_away) log_.info("Measurements are taken again");
    was_away = !told;
    pause = told ? kTrafficReportPeriod : std::min(pause * 2, kTrafficBackoffMax);
  }
}

}  // namespace pixell::edge
