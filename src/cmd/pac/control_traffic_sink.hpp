#pragma once

#include <string>

#include "cmd/pac/control_link.hpp"
#include "edge/traffic_sink.hpp"

namespace pixell::cmd {

/// Hands measurements to the control role.
class ControlTrafficSink final : public edge::TrafficSink {
 public:
  /// `link` outlives this and is nobody else's. `edge_id` tells control whose they are; letters and
  /// digits.
  ControlTrafficSink(ControlLink& link, std::string edge_id)
      : link_(link), edge_id_(std::move(edge_id)) {}

  /// Unavailable while control is away or does not take it, DeadlineExceeded when it hangs,
  /// DataLoss for an answer that cannot be read.
  Result<UnixMillis> send(const model::TrafficReport& report) override;

 private:
  ControlLink& link_;
  std::string edge_id_;
};

}  // namespace pixell::cmd
