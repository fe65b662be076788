#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace pixell::engine::docker {

/// One event of a container.
struct ContainerEvent {
  std::string action;      ///< start, die, "health_status: unhealthy", …
  std::string container;   ///< its id
  std::int64_t nanos = 0;  ///< when, since 1970; where to go on from
};

/// Takes the event stream (`GET /events`: JSON objects, one a line) apart, fed in pieces of any
/// size.
class EventLines {
 public:
  explicit EventLines(std::function<void(const ContainerEvent&)> take) : take_(std::move(take)) {}

  /// DataLoss when a line is no event, or over kMaxEventBytes.
  Result<void> feed(std::string_view bytes);

 private:
  std::function<void(const ContainerEvent&)> take_;
  std::string pending_;
};

/// Reads one line.
Result<ContainerEvent> parse_event(std::string_view line);

/// The request for the events of an installation's containers from a moment on.
std::string events_path(const std::string& installation, std::int64_t since_nanos);

}  // namespace pixell::engine::docker
