#include "engine/ecs/alb_traffic.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/removal_steps.hpp"
#include "engine/ecs/traffic_steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

constexpr const char* kNoPlace =
    "it has no place in a load balancer yet: its next deployment gives it one, if a listener of "
    "PAC_ECS_LISTENERS has room";

// The app's two rules in a listener, gRPC first; fewer when they are not all there.
Result<std::vector<json>> rules_at(const Work& work, const model::RulePlace& place,
                                   const std::vector<json>& rules) {
  std::vector<json> found;
  std::vector<std::string> arns;
  for (const int priority : {place.priority, place.priority + 1})
    for (const json& rule : rules)
      if (text_at(rule, "Priority") == std::to_string(priority)) {
        found.push_back(rule);
        arns.push_back(text_at(rule, "RuleArn"));
      }
  TRY(const auto tags, tags_of(work, arns));
  std::erase_if(found, [&](const json& rule) {
    const auto of = tags.find(text_at(rule, "RuleArn"));
    return of == tags.end() ||
           !is_ours(of->second, work.names.installation(), work.aim.spec.app_id);
  });
  return found;
}

Result<std::string> bring_rules(const Work& work, const std::vector<json>& rules,
                                const SlotShares& shares) {
  std::vector<WantedRule> wanted;
  // Both or none: REST and gRPC of an app are the same revision.
  for (const json& rule : rules) {
    TRY(WantedRule each, wanted_rule(work, rule, shares));
    if (!each.held.empty()) return each.held;
    wanted.push_back(std::move(each));
  }
  for (const WantedRule& each : wanted) {
    if (!each.is_changed) continue;
    TRY_VOID(plain(work.change("elbv2", "ModifyRule", each.arn,
                               {{"RuleArn", each.arn}, {"Actions", actions_of(each.legs)}})));
  }
  return std::string();
}

}  // namespace

std::int64_t AlbTraffic::generation() const {
  std::lock_guard lock(mutex_);
  return generation_;
}

bool AlbTraffic::lags_behind(std::string_view app_id, std::int64_t generation) const {
  std::lock_guard lock(mutex_);
  const auto lag = lags_.find(app_id);
  return (lag == lags_.end() ? generation_ : lag->second.generation) < generation;
}

bool AlbTraffic::is_due(const std::string& app_id, const Shares& shares) const {
  const auto known = known_.find(app_id);
  return known == known_.end() || known->second.shares != shares || !known->second.looked_at ||
         parts_.clock.now() - *known->second.looked_at >= kDriftLook;
}

Result<std::string> AlbTraffic::bring(const model::RulePlace& place, const Shares& shares,
                                      Rules& rules, const std::stop_token& stop) {
  Aim aim{.lane = aws::Lane::Deploy};
  aim.spec.app_id = place.app_id;
  const Work work{.aws = parts_.aws,
                  .journal = parts_.journal,
                  .settings = settings_,
                  .names = names_,
                  .aim = aim,
                  .stop = stop};
  if (!rules.contains(place.listener)) {
    TRY(rules[place.listener], rules_of(work, place.listener));
  }
  TRY(const std::vector<json> ours, rules_at(work, place, rules[place.listener]));
  if (shares.empty()) {
    for (const json& rule : ours) TRY_VOID(delete_rule(work, text_at(rule, "RuleArn")));
    return std::string();
  }
  TRY(const SlotsOfRevisions slots, slots_of(work, shares));
  if (!slots.missing.empty())
    return fmt::format("revision {} is in no slot", fmt::join(slots.missing, ", "));
  if (ours.size() != kRulesOfApp)
    return fmt::format("{} of its {} rules are at priority {} of {}", ours.size(), kRulesOfApp,
                       place.priority, place.listener);
  return bring_rules(work, ours, slots.shares);
}

void AlbTraffic::note(const std::string& app_id, const Shares& shares, const std::string& held) {
  Known& known = known_[app_id];
  std::lock_guard lock(mutex_);
  const Instant now = parts_.clock.now();
  if (held.empty()) {
    known = {.shares = shares, .looked_at = now};
    lags_.erase(app_id);
    return;
  }
  // Its shares of before are still in force, if nobody changed them.
  const bool is_wanted_anew = known.shares != shares || !known.looked_at;
  known.looked_at.reset();
  if (is_wanted_anew) lags_.try_emplace(app_id, Lag{.generation = generation_, .since = now});
}

void AlbTraffic::finish(std::int64_t generation, const std::map<std::string, Shares>& wanted) {
  std::lock_guard lock(mutex_);
  std::erase_if(lags_, [&](const auto& each) { return !wanted.contains(each.first); });
  // Rules that have to go are forgotten when they are gone.
  std::erase_if(known_, [&](const auto& each) {
    const auto found = wanted.find(each.first);
    return found == wanted.end() || (found->second.empty() && !lags_.contains(each.first));
  });
  generation_ = generation;
}

std::vector<HeldTraffic> AlbTraffic::held_ones() const {
  std::lock_guard lock(mutex_);
  std::vector<HeldTraffic> held;
  for (const auto& [app, reason] : held_) {
    const auto lag = lags_.find(app);
    const Millis since =
        lag == lags_.end()
            ? Millis(0)
            : std::chrono::duration_cast<Millis>(parts_.clock.now() - lag->second.since);
    held.push_back({.app_id = app,
                    .why = reason,
                    .held_for = since,
                    .is_overdue = since >= kHealthyTargetDeadline});
  }
  return held;
}

Result<std::optional<model::BalancerView>> AlbTraffic::view_of(const std::string& app_id) const {
  TRY(const auto place, parts_.book.find(app_id));
  model::BalancerView view;
  {
    std::lock_guard lock(mutex_);
    if (const auto held = held_.find(app_id); held != held_.end()) view.waits_for = held->second;
  }
  if (!place && view.waits_for.empty()) return std::nullopt;
  if (!place) return view;
  view.listener = place->listener;
  view.load_balancer = balancer_of(place->listener);
  view.priorities = {place->priority, place->priority + 1};
  if (const auto address = addresses_.find(place->listener)) {
    view.dns_name = address->dns_name;
    view.url = fmt::format("{}/agents/{}/", address->origin, app_id);
  }
  return view;
}

Result<std::vector<HeldTraffic>> AlbTraffic::follow(const model::RouteSnapshot& snapshot,
                                                    std::stop_token stop) {
  TRY(const std::vector<model::RulePlace> all, parts_.book.all());
  std::map<std::string, model::RulePlace> places;
  std::set<std::string> listeners;
  for (const model::RulePlace& place : all) {
    places[place.app_id] = place;
    listeners.insert(place.listener);
  }
  std::map<std::string, Shares> wanted;
  for (const auto& [app, known] : known_)
    if (places.contains(app)) wanted[app];
  for (const model::Route& route : snapshot.routes)
    for (const model::RouteLeg& leg : route.legs)
      if (leg.weight_permille > 0) wanted[route.app_id][leg.revision] += leg.weight_permille;
  Rules rules;
  std::map<std::string, std::string> held;
  for (const auto& [app, shares] : wanted) {
    if (!is_due(app, shares)) continue;
    const auto place = places.find(app);
    Result<std::string> why = std::string(kNoPlace);
    if (place != places.end()) why = bring(place->second, shares, rules, stop);
    if (stop.stop_requested()) return make_error(ErrorCode::Cancelled, "stopping");
    const std::string reason = why ? *why : why.error().message;
    if (!reason.empty()) held[app] = reason;
    note(app, shares, reason);
  }
  {
    std::lock_guard lock(mutex_);
    held_ = std::move(held);
  }
  finish(snapshot.generation, wanted);
  // Only told to people: no app's traffic waits for it.
  addresses_.learn(listeners, stop);
  return held_ones();
}

}  // namespace pixell::engine::ecs
