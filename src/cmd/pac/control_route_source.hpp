#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "edge/route_source.hpp"

namespace pixell::cmd {

/// Pulls routes from the control role by long-poll over its Unix socket.
class ControlRouteSource final : public edge::RouteSource {
 public:
  /// `edge_id` tells control which edge has which routes in force; letters and digits.
  ControlRouteSource(std::filesystem::path socket, std::string edge_id)
      : socket_(std::move(socket)), edge_id_(std::move(edge_id)) {}

  /// From now on control is not told any more what this edge has in force: another process is the
  /// edge of that id. From any thread.
  void stop_acknowledging() { is_acknowledging_ = false; }

  /// Unavailable while control is away, DataLoss or InvalidArgument for an answer that cannot be
  /// read, Cancelled when stop is asked; at most a few seconds longer than `timeout`.
  Result<std::optional<model::RouteSnapshot>> next(std::int64_t after, Millis timeout,
                                                   std::stop_token stop) override;

 private:
  std::filesystem::path socket_;
  std::string edge_id_;
  std::atomic<bool> is_acknowledging_ = true;
};

}  // namespace pixell::cmd
