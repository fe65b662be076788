#include "cmd/pac/control_traffic_sink.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cmd/pac/limits.hpp"

namespace pixell::cmd {

Result<UnixMillis> ControlTrafficSink::send(const model::TrafficReport& report) {
  TRY(const ControlReply reply,
      link_.ask({.method = "POST",
                 .target = fmt::format("/internal/edges/{}/measurements", edge_id_),
                 .content_type = "application/json",
                 .body = model::to_json(report).dump(),
                 .timeout = kTrafficSendTimeout,
                 .stop = {}}));
  if (reply.status != 200)
    return make_error(ErrorCode::Unavailable,
                      fmt::format("control answered {} for measurements", reply.status));
  const auto json = nlohmann::json::parse(reply.body, nullptr, false);
  if (!json.is_object() || !json.contains("listening_since") ||
      !json["listening_since"].is_number_integer())
    return make_error(ErrorCode::DataLoss, "control did not say since when it has been listening");
  return json["listening_since"].get<UnixMillis>();
}

}  // namespace pixell::cmd
