#include <nlohmann/json.hpp>

#include "api/handlers.hpp"
#include "api/limits.hpp"

namespace pixell::api {

namespace {

// Waits for a change of a route after the event `seen`; false when the time is over or control
// ends. Most events tell of something else, and reading all routes is dear when there are many
// apps.
Result<bool> await_route_change(const ApiContext& context, std::int64_t seen, Instant deadline) {
  while (true) {
    const auto left = std::chrono::duration_cast<Millis>(deadline - context.clock.now());
    if (left.count() <= 0 || context.stop.stop_requested()) return false;
    TRY(const std::int64_t last, context.store.wait_for_change(seen, left, context.stop));
    TRY(const auto changes,
        context.store.events({.after = seen, .kind = "route_changed", .limit = 1}));
    if (!changes.empty()) return true;
    seen = last;
  }
}

}  // namespace

Reply pull_routes(const ApiContext& context, Call& call) {
  const std::int64_t after = call.query_number("after", 0, 0, INT64_MAX);
  const Millis timeout(call.query_number("timeout_ms", 0, 0, kMaxPollTimeout.count()));
  const Instant deadline = context.clock.now() + timeout;
  const std::string edge = call.query("edge");
  if (!edge.empty()) context.on_edge_poll(edge, after);
  while (true) {
    // Asked before the routes are read: a change in between makes the wait return at once.
    const auto seen = context.store.last_event();
    if (!seen) return problem(context, seen.error());
    const auto snapshot = context.store.routes();
    if (!snapshot) return problem(context, snapshot.error());
    if (snapshot->generation != after) return json_reply(200, model::to_json(*snapshot));
    const auto is_changed = await_route_change(context, *seen, deadline);
    if (!is_changed && is_changed.error().code != ErrorCode::Cancelled)
      return problem(context, is_changed.error());
    if (!is_changed || !*is_changed) return Reply{.status = 204};
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
