#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "par/telemetry/limits.hpp"

namespace pixell::telemetry {

/// Where spans go, as OpenTelemetry's variables say
/// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
struct Collector {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  ///< may hold secrets; never logged
  Millis timeout = kTimeout;
  std::string ca_file;
};

/// Reads the variables; those for traces win over the general ones. InvalidArgument names the
/// variable that is missing. Pure.
Result<Collector> collector_of(const std::map<std::string, std::string>& env);

/// The body of one request: message ExportTraceServiceRequest in JSON. `spans` are JSON objects,
/// separated by commas. Pure.
std::string request_body(std::string_view resource, std::string_view spans);

/// What became of a batch.
struct Outcome {
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;
  std::string reason;  ///< when some failed; without URL and headers
};

/// Collects spans and sends them. The owner decides when.
class Exporter {
 public:
  /// `is_over` is asked between tries: true ends them.
  Exporter(Collector collector, std::string resource, std::function<bool()> is_over);

  void add(std::string_view span);
  std::size_t size() const { return count_; }
  bool is_full() const { return count_ >= kBatchSpans || spans_.size() >= kMaxBatchBytes; }

  /// Sends what was collected, with tries; blocks for it.
  Outcome send();
  /// The same in one try of at most kFlushTimeout.
  Outcome flush();

 private:
  Outcome send_batch(int tries, Millis timeout);
  Collector collector_;
  std::string resource_;
  std::function<bool()> is_over_;
  std::string spans_;
  std::size_t count_ = 0;
};

}  // namespace pixell::telemetry
