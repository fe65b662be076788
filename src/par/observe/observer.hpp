#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "model/boot_report.hpp"
#include "net/event_loop.hpp"
#include "par/children.hpp"
#include "par/observe/id_source.hpp"
#include "par/observe/metrics.hpp"
#include "par/observe/settings.hpp"
#include "par/observe/span.hpp"
#include "par/observe/telemetry_process.hpp"
#include "par/observe/trace_context.hpp"

namespace pixell::par {

/// One request that is over, as its span tells it.
struct RequestSpan {
  const TraceContext& trace;
  RequestEnd end;
  std::string_view path;  ///< without query
  UnixMillis began = 0;
};

/// Who the spans are about.
struct ObservedAgent {
  std::string app_id;
  std::string deployment_id;
};

/// Everything par counts and tells, for the surfaces and the runtime. On the loop's thread.
class Observer {
 public:
  Observer(net::EventLoop& loop, Children& children, ObserveSettings settings, const Log& log)
      : settings_(std::move(settings)), telemetry_(loop, children, metrics_, log) {}

  /// Starts the export when the settings ask for it; `program` is par-telemetry.
  void start(const std::string& program, const ObservedAgent& agent);

  Metrics& metrics() { return metrics_; }
  const Metrics& metrics() const { return metrics_; }
  bool has_metrics() const { return settings_.has_metrics; }
  const std::vector<std::string>& warnings() const { return settings_.warnings; }

  /// The place in its trace of a request with these fields.
  TraceContext trace_of(const net::Headers& headers) {
    return trace_context_of(headers, settings_.sampler, ids_);
  }
  /// Counts the end of a request, and exports its span when it is sampled.
  void request_ended(const RequestSpan& request);
  /// Exports the boot as a trace of its own: one span, and one below it for each phase.
  void boot_ended(const std::vector<model::BootPhase>& phases, UnixMillis began,
                  const model::Failure* failure);

  /// Sends what is left; `on_done` is called once, within two seconds.
  void close(std::function<void()> on_done) { telemetry_.close(std::move(on_done)); }

 private:
  void send(const Span& span);

  ObserveSettings settings_;
  Metrics metrics_;
  IdSource ids_;
  TelemetryProcess telemetry_;
  std::string line_;  // reused
};

}  // namespace pixell::par
