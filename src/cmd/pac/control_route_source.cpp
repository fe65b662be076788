#include "cmd/pac/control_route_source.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

Result<std::optional<model::RouteSnapshot>> ControlRouteSource::next(std::int64_t after,
                                                                     Millis timeout,
                                                                     std::stop_token stop) {
  ControlRequest request{
      .target = fmt::format("/internal/routes?after={}&edge={}&timeout_ms={}", after,
                            is_acknowledging_ ? edge_id_ : std::string(), timeout.count()),
      .content_type = {},
      .body = {},
      // Longer than the poll itself, so that only a hung control runs into it.
      .timeout = timeout + kRoutePullMargin,
      .stop = std::move(stop)};
  TRY(const ControlReply reply, link_.ask(std::move(request)));
  if (reply.status == 204) return std::optional<model::RouteSnapshot>();
  if (reply.status != 200)
    return make_error(ErrorCode::Unavailable,
                      fmt::format("control answered {} for its routes", reply.status));
  const auto json = nlohmann::json::parse(reply.body, nullptr, false);
  if (json.is_discarded())
    return make_error(ErrorCode::DataLoss, "control sent routes that are not JSON");
  TRY(model::RouteSnapshot snapshot, model::route_snapshot_from_json(json));
  return std::optional(std::move(snapshot));
}

}  // namespace pixell::cmd
