#pragma once

#include <atomic>
#include <string>

#include "cmd/pac/control_link.hpp"
#include "edge/route_source.hpp"

namespace pixell::cmd {

/// Pulls routes from the control role by long-poll.
class ControlRouteSource final : public edge::RouteSource {
 public:
  /// `link` outlives this and is nobody else's. `edge_id` tells control which edge has which routes
  /// in force; letters and digits.
  ControlRouteSource(ControlLink& link, std::string edge_id)
      : link_(link), edge_id_(std::move(edge_id)) {}

  /// From now on control is not told any more what this edge has in force: another process is the
  /// edge of that id. From any thread.
  void stop_acknowledging() { is_acknowledging_ = false; }

  /// DataLoss or InvalidArgument for an answer that cannot be read, else as the link fails; at most
  /// a few seconds longer than `timeout`.
  Result<std::optional<model::RouteSnapshot>> next(std::int64_t after, Millis timeout,
                                                   std::stop_token stop) override;

 private:
  ControlLink& link_;
  std::string edge_id_;
  std::atomic<bool> is_acknowledging_ = true;
};

}  // namespace pixell::cmd
