#pragma once

#include <thread>

#include "base/log.hpp"
#include "edge/traffic_meter.hpp"
#include "edge/traffic_sink.hpp"

namespace pixell::edge {

/// Tells a TrafficSink what a TrafficMeter counted, on its own thread: what changed, at most every
/// kTrafficReportPeriod. Nothing is lost while the sink is away, because the counts only grow.
class TrafficReporter {
 public:
  TrafficReporter(TrafficMeter& meter, TrafficSink& sink, Log log);
  ~TrafficReporter();

  void start();
  /// Ends the thread, waits for it, and tells the last counts when the sink takes them at once.
  void stop();

  /// One report of what changed, in several pieces when it is much. Without a change nothing is
  /// sent, unless `asks_anyway`: then an empty report finds out whether the receiver is another one
  /// that has to be told everything. Not while the thread runs.
  Result<void> report(bool asks_anyway);

 private:
  void follow(std::stop_token stop);
  TrafficMeter& meter_;
  TrafficSink& sink_;
  Log log_;
  UnixMillis listening_since_ = 0;
  std::jthread thread_;
};

}  // namespace pixell::edge
