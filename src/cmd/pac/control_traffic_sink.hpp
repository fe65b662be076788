#pragma once

#include <filesystem>
#include <string>

#include "edge/traffic_sink.hpp"

namespace pixell::cmd {

/// Hands measurements to the control role over its Unix socket.
class ControlTrafficSink final : public edge::TrafficSink {
 public:
  /// `edge_id` tells control whose they are; letters and digits.
  ControlTrafficSink(std::filesystem::path socket, std::string edge_id)
      : socket_(std::move(socket)), edge_id_(std::move(edge_id)) {}

  /// Unavailable while control is away or does not take it, DeadlineExceeded when it hangs,
  /// DataLoss for an answer that cannot be read.
  Result<UnixMillis> send(const model::TrafficReport& report) override;

 private:
  std::filesystem::path socket_;
  std::string edge_id_;
};

}  // namespace pixell::cmd
