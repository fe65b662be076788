#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "par/observe/trace_context.hpp"

namespace pixell::par {

/// What the environment says about observation. OpenTelemetry's variables are read as its
/// specification says: a value that is no good is a warning and counts as unset.
struct ObserveSettings {
  bool has_metrics = true;  ///< METRICS_ENABLED: /metrics is answered by par
  bool exports = false;     ///< a collector is named and nothing turns the export off
  Sampler sampler;
  std::string service_name;                         ///< OTEL_SERVICE_NAME, else the app's id
  std::map<std::string, std::string> resource;      ///< OTEL_RESOURCE_ATTRIBUTES
  std::map<std::string, std::string> exporter_env;  ///< of par-telemetry; holds secrets
  std::vector<std::string> warnings;                ///< one sentence each, without values
};

/// Reads the settings. Pure.
ObserveSettings read_observe_settings(const std::map<std::string, std::string>& env);

/// "a=1,b=2" with percent-encoded values, as OTEL_RESOURCE_ATTRIBUTES and …_HEADERS have it; parts
/// that are malformed are left out. Pure.
std::vector<std::pair<std::string, std::string>> parse_pairs(std::string_view text);

}  // namespace pixell::par
