#include "edge/app_states.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pixell::edge {

namespace {

bool is_limited(const model::RoutingLimits& limits) {
  return limits.max_concurrent > 0 || limits.requests_per_second > 0;
}

nlohmann::json to_json(const MirrorTally& tally) {
  const auto read = [](const MirrorTally::Count& count) {
    return count.load(std::memory_order_relaxed);
  };
  const std::int64_t same = read(tally.same);
  const std::int64_t status = read(tally.differs_status), body = read(tally.differs_body);
  const std::int64_t compared = std::max<std::int64_t>(1, same + status + body);
  return {{"revision", tally.revision},
          {"mirrored", read(tally.mirrored)},
          {"same", same},
          {"differs", {{"status", status}, {"body", body}}},
          {"failed", read(tally.failed)},
          {"dropped", read(tally.dropped)},
          {"head_us",
           {{"original", read(tally.original_head_us) / compared},
            {"mirror", read(tally.mirror_head_us) / compared}}}};
}

}  // namespace

std::vector<AppInForce> AppStates::in_force(const RouteTable& table, Instant now) {
  std::lock_guard lock(mutex_);
  std::vector<AppInForce> in_force(table.routes().size());
  for (auto& [id, state] : states_) state.is_limited = false;
  for (std::size_t i = 0; i < in_force.size(); ++i) {
    const AgentRoute& route = table.routes()[i];
    const model::Routing& routing = route.routing;
    auto found = states_.find(route.app_id);
    if (found == states_.end()) {
      if (!is_limited(routing.limits) && routing.mirror.revision == 0) continue;
      found = states_.try_emplace(route.app_id).first;
    }
    State& state = found->second;
    // Also when there is none any more: what is under way stays counted.
    state.admission.set_limits(routing.limits, now);
    state.is_limited = is_limited(routing.limits);
    if (state.is_limited) in_force[i].admission = &state.admission;
    if (routing.mirror.revision == 0)
      state.mirror.reset();
    else if (state.mirror == nullptr || state.mirror->revision != routing.mirror.revision)
      state.mirror = std::make_shared<MirrorTally>(routing.mirror.revision);
    in_force[i].mirror = state.mirror;
  }
  return in_force;
}

void AppStates::keep_only(const RouteTable& table) {
  std::lock_guard lock(mutex_);
  std::erase_if(states_, [&table](const auto& entry) {
    const auto& [id, state] = entry;
    const AgentRoute* route = table.find(id);
    const bool is_used =
        route != nullptr && route->app_id == id && (state.is_limited || state.mirror != nullptr);
    return !is_used && state.admission.under_way() == 0;
  });
}

std::shared_ptr<const MirrorTally> AppStates::mirror_of(std::string_view app_id) const {
  std::lock_guard lock(mutex_);
  const auto found = states_.find(app_id);
  return found == states_.end() ? nullptr : found->second.mirror;
}

nlohmann::json AppStates::to_json(std::string_view app_id) const {
  std::lock_guard lock(mutex_);
  const auto found = states_.find(app_id);
  if (found == states_.end()) return nullptr;
  const auto& [id, state] = *found;
  nlohmann::json mirror;
  if (state.mirror != nullptr) mirror = edge::to_json(*state.mirror);
  return {{"under_way", state.admission.under_way()},
          {"refused",
           {{"concurrency", state.admission.refused_by_concurrency()},
            {"rate", state.admission.refused_by_rate()}}},
          {"mirror", std::move(mirror)}};
}

}  // namespace pixell::edge
