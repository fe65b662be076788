#include <nlohmann/json.hpp>

#include "api/handlers.hpp"
#include "api/limits.hpp"

namespace pixell::api {

Reply pull_routes(const ApiContext& context, Call& call) {
  const std::int64_t after = call.query_number("after", 0, 0, INT64_MAX);
  const Millis timeout(call.query_number("timeout_ms", 0, 0, kMaxPollTimeout.count()));
  const Instant deadline = context.clock.now() + timeout;
  const std::string edge = call.query("edge");
  while (true) {
    if (!edge.empty()) context.on_edge_poll(edge, after);
    // Asked before the routes are read: a change in between makes the wait return at once.
    const auto seen = context.store.last_event();
    if (!seen) return problem(context, seen.error());
    const auto snapshot = context.store.routes();
    if (!snapshot) return problem(context, snapshot.error());
    if (snapshot->generation != after) return json_reply(200, model::to_json(*snapshot));
    const auto left = std::chrono::duration_cast<Millis>(deadline - context.clock.now());
    if (left.count() <= 0 || context.stop.stop_requested()) return Reply{.status = 204};
    const auto changed = context.store.wait_for_change(*seen, left, context.stop);
    if (!changed && changed.error().code == ErrorCode::Cancelled) return Reply{.status = 204};
    if (!changed) return problem(context, changed.error());
  }
}

Reply take_measurements(const ApiContext& context, Call& call) {
  const auto text = call.body.read_all(kMaxJsonBodyBytes, kBodyTimeout);
  if (!text) return problem(context, text.error());
  const auto report = model::traffic_report_from_json(nlohmann::json::parse(*text, nullptr, false));
  if (!report) return problem(context, report.error());
  return json_reply(200,
                    {{"listening_since", context.on_edge_measurements(call.params[0], *report)}});
}

}  // namespace pixell::api
