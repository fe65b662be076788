#include "engine/ecs/rule_placer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/rules.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

/// Here nothing is changed.
class NoJournal final : public Journal {
 public:
  Result<void> begin(const Step& step) override {
    return make_error(ErrorCode::Internal, step.action + " where nothing is to be changed");
  }
  Result<void> end(const Step&, const std::string&) override { return {}; }
  Result<std::vector<Step>> open(const std::string&) override { return std::vector<Step>(); }
};

constexpr std::size_t kMostApps =
    std::min(kTargetGroupGuard / kTargetGroupsOfApp, kMaxRules / kRulesOfApp);

/// What a load balancer is used for.
struct Use {
  std::set<std::string> groups{};  // that it leads to
  std::size_t rules = 0;           // of others, in all of its listeners
  std::set<int> taken{};           // priorities of others in the listener
};

int priority_of(const json& rule) {
  const std::string text = text_at(rule, "Priority");
  int priority = 0;
  std::from_chars(text.data(), text.data() + text.size(), priority);
  return priority;
}

bool is_of_apps(int priority, const std::set<int>& of_apps) {
  return of_apps.contains(priority) || of_apps.contains(priority - 1);
}

// Others' share of a load balancer; `of_apps` are the first priorities of apps in the listener.
Result<Use> use_by_others(const Work& work, const std::string& listener,
                          const std::set<int>& of_apps) {
  const std::string balancer = balancer_of(listener);
  Use use;
  const auto listed =
      work.aws.pages("elbv2", "DescribeTargetGroups", {{"LoadBalancerArn", balancer}},
                     {.lane = work.aim.lane, .stop = work.stop}, [&](const json& page) {
                       for (const json& each : list_at(page, "TargetGroups"))
                         use.groups.insert(text_at(each, "TargetGroupArn"));
                       return true;
                     });
  // One that leads nowhere yet.
  if (!listed && listed.error().name != "TargetGroupNotFound") return aws::to_error(listed.error());
  std::vector<std::string> listeners;
  TRY_VOID(work.pages("elbv2", "DescribeListeners", {{"LoadBalancerArn", balancer}},
                      [&](const json& page) {
                        for (const json& each : list_at(page, "Listeners"))
                          listeners.push_back(text_at(each, "ListenerArn"));
                        return true;
                      }));
  for (const std::string& each : listeners) {
    TRY(const std::vector<json> rules, rules_of(work, each));
    for (const json& rule : rules) {
      if (each == listener && is_of_apps(priority_of(rule), of_apps)) {
        for (const Leg& leg : legs_in(rule)) use.groups.erase(leg.arn);
        continue;
      }
      ++use.rules;
      if (each == listener) use.taken.insert(priority_of(rule));
    }
  }
  return use;
}

std::size_t left_of(std::size_t most, std::size_t used, std::size_t for_each) {
  return used >= most ? 0 : (most - used) / for_each;
}

}  // namespace

Result<model::RuleListener> RulePlacer::room_of(const std::string& listener,
                                                const std::vector<model::RulePlace>& places,
                                                const std::stop_token& stop) {
  std::set<int> of_apps;
  for (const model::RulePlace& place : places)
    if (place.listener == listener) of_apps.insert(place.priority);
  model::RuleListener room{.arn = listener};
  // Full by our own apps: nothing to ask for.
  if (of_apps.size() >= kMostApps) return room;
  const Names names({}, settings_.prefixes);
  const Aim aim{.lane = aws::Lane::Deploy};
  NoJournal journal;
  const Work work{.aws = aws_,
                  .journal = journal,
                  .settings = settings_,
                  .names = names,
                  .aim = aim,
                  .stop = stop};
  TRY(const Use use, use_by_others(work, listener, of_apps));
  room.max_apps = std::min(left_of(kTargetGroupGuard, use.groups.size(), kTargetGroupsOfApp),
                           left_of(kMaxRules, use.rules, kRulesOfApp));
  room.taken = use.taken;
  return room;
}

Result<model::RulePlace> RulePlacer::place(const std::string& app_id, std::stop_token stop) {
  TRY(const auto known, book_.find(app_id));
  const auto& listeners = settings_.listeners;
  if (known && std::find(listeners.begin(), listeners.end(), known->listener) == listeners.end())
    return make_error(
        ErrorCode::FailedPrecondition,
        fmt::format("the rules of the app {} are in {}, which PAC_ECS_LISTENERS does not have any "
                    "more: add it again; an app is at another only after it was deleted",
                    app_id, known->listener));
  if (known) return *known;
  TRY(const std::vector<model::RulePlace> places, book_.all());
  for (const std::string& listener : listeners) {
    TRY(const model::RuleListener room, room_of(listener, places, stop));
    if (room.max_apps == 0) continue;
    auto placed = book_.place(app_id, room);
    if (placed || placed.error().code != ErrorCode::ResourceExhausted) return placed;
  }
  return make_error(
      ErrorCode::ResourceExhausted,
      fmt::format("none of the {} load balancers of PAC_ECS_LISTENERS has room for the app {} ({} "
                  "apps are placed; {} fit in one that nobody else uses): add the ARN of an HTTPS "
                  "listener of another Application Load Balancer to it, or set "
                  "PAC_ECS_ROUTING=edge",
                  listeners.size(), app_id, places.size(), kMostApps));
}

}  // namespace pixell::engine::ecs
