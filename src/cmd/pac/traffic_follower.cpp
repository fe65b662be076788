#include "cmd/pac/traffic_follower.hpp"

#include <utility>

#include "cmd/pac/limits.hpp"
#include "engine/traffic_mover.hpp"
#include "store/store.hpp"

namespace pixell::cmd {

Result<std::optional<model::RulePlace>> StoreRuleBook::find(const std::string& app_id) {
  return store_.rule_place(app_id);
}

Result<model::RulePlace> StoreRuleBook::place(const std::string& app_id,
                                              const model::RuleListener& listener) {
  return store_.place_rules(app_id, {listener});
}

Result<std::vector<model::RulePlace>> StoreRuleBook::all() { return store_.rule_places(); }

void TrafficFollower::start(std::function<void()> moved) {
  if (parts_.mover == nullptr) return;
  moved_ = std::move(moved);
  thread_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
}

void TrafficFollower::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

bool TrafficFollower::all_applied(std::string_view app_id, std::int64_t route_generation,
                                  UnixMillis now) {
  return parts_.edges.all_applied(app_id, route_generation, now) &&
         !lags_behind(app_id, route_generation);
}

bool TrafficFollower::lags_behind(std::string_view app_id, std::int64_t route_generation) {
  return parts_.edges.lags_behind(app_id, route_generation) ||
         (parts_.mover != nullptr && parts_.mover->lags_behind(app_id, route_generation));
}

void TrafficFollower::follow(const std::stop_token& stop) {
  std::int64_t position = 0;
  while (!stop.stop_requested()) {
    // Taken before the routes: a change after that is waited for in vain by nobody.
    const auto now = parts_.store.last_event();
    if (now) position = *now;
    const auto routes = parts_.store.routes();
    Millis pause = kTrafficRetry;
    if (routes) {
      const auto held = parts_.mover->follow(*routes, stop);
      if (stop.stop_requested()) return;
      if (held) {
        tell(*held);
        if (held->empty()) pause = kTrafficLook;
        moved_();
      } else {
        parts_.log.warning("Load balancers do not follow the routes yet",
                           {{"error", held.error().message}});
      }
    } else {
      parts_.log.warning("Routes cannot be read", {{"error", routes.error().message}});
    }
    (void)parts_.store.wait_for_change(position, pause, stop);
  }
}

void TrafficFollower::tell(const std::vector<engine::HeldTraffic>& held) {
  std::map<std::string, Told> now;
  for (const engine::HeldTraffic& each : held) {
    const Told told{.why = each.why, .is_overdue = each.is_overdue};
    now[each.app_id] = told;
    const auto before = told_.find(each.app_id);
    if (before != told_.end() && before->second == told) continue;
    if (each.is_overdue)
      parts_.log.warning(
          "An app's traffic does not move",
          {{"app", each.app_id}, {"why", each.why}, {"held_ms", each.held_for.count()}});
    else
      parts_.log.info("An app's traffic waits", {{"app", each.app_id}, {"why", each.why}});
  }
  for (const auto& [app, told] : told_)
    if (!now.contains(app)) parts_.log.info("An app's traffic has moved", {{"app", app}});
  told_ = std::move(now);
}

}  // namespace pixell::cmd
