#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/ecs/limits.hpp"
#include "engine/ecs/rules.hpp"
#include "engine/ecs/steps.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

json conditions_of(const Work& work, Surface surface) {
  const std::string& base = work.aim.spec.base_path;
  json conditions = json::array();
  if (surface == Surface::Grpc) {
    // gRPC clients that know no base path say the app in their headers, which is the edge's to
    // read: here the path decides.
    conditions.push_back(
        {{"Field", "http-header"},
         {"HttpHeaderConfig",
          {{"HttpHeaderName", "content-type"}, {"Values", {"application/grpc*"}}}}});
    conditions.push_back(
        {{"Field", "path-pattern"}, {"PathPatternConfig", {{"Values", {base + "/*"}}}}});
  } else {
    conditions.push_back(
        {{"Field", "path-pattern"}, {"PathPatternConfig", {{"Values", {base, base + "/*"}}}}});
  }
  return conditions;
}

// Only what we write of a rule's conditions; AWS adds the older form of some.
json conditions_in(const json& rule) {
  json list = json::array();
  for (const json& each : list_at(rule, "Conditions")) {
    json condition = {{"Field", text_at(each, "Field")}};
    for (const char* config : {"HttpHeaderConfig", "PathPatternConfig"}) {
      const json said = each.value(config, json());
      if (!said.is_object()) continue;
      condition[config] = {{"Values", list_at(said, "Values")}};
      if (const std::string name = text_at(said, "HttpHeaderName"); !name.empty())
        condition[config]["HttpHeaderName"] = name;
    }
    list.push_back(condition);
  }
  std::sort(list.begin(), list.end());
  return list;
}

// The rule with our priority, or null.
Result<json> find(const Work& work, const std::string& priority) {
  json found;
  TRY_VOID(work.pages("elbv2", "DescribeRules", {{"ListenerArn", work.listener()}},
                      [&](const json& page) {
                        for (const json& each : list_at(page, "Rules"))
                          if (text_at(each, "Priority") == priority) found = each;
                        return found.is_null();
                      }));
  return found;
}

// Those legs that an earlier target group of this slot has.
Result<std::vector<Leg>> earlier(const Work& work, const std::vector<Leg>& legs,
                                 const std::string& target_group) {
  std::vector<std::string> arns;
  for (const Leg& leg : legs)
    if (leg.arn != target_group) arns.push_back(leg.arn);
  std::vector<Leg> found;
  if (arns.empty()) return found;
  TRY(const auto tags, tags_of(work, arns));
  for (const Leg& leg : legs) {
    const auto at = tags.find(leg.arn);
    if (at == tags.end() || leg.arn == target_group) continue;
    const Tags ours = work.slot_tags();
    if (std::includes(at->second.begin(), at->second.end(), ours.begin(), ours.end()))
      found.push_back(leg);
  }
  return found;
}

// The legs the rule should have; `forwarding` says what became of the earlier ones.
Result<std::vector<Leg>> switched(const Work& work, std::vector<Leg> legs,
                                  const std::string& target_group, Forwarding& forwarding) {
  forwarding.in_use.push_back(target_group);
  auto ours = std::find_if(legs.begin(), legs.end(),
                           [&](const Leg& leg) { return leg.arn == target_group; });
  const bool is_new = ours == legs.end();
  TRY(const std::vector<Leg> before, earlier(work, legs, target_group));
  if (is_new) {
    TRY_VOID(shorten_drain(work, target_group));
    legs.push_back({.arn = target_group, .weight = legs.empty() ? 1 : 0});
    ours = std::prev(legs.end());
  }
  if (before.empty()) return legs;
  TRY(const bool is_healthy, has_healthy_target(work, target_group));
  forwarding.is_switching = !is_healthy;
  for (const Leg& old : before) {
    if (!is_healthy) {
      forwarding.in_use.push_back(old.arn);
      continue;
    }
    ours->weight = std::max(ours->weight, old.weight);
    forwarding.retired.push_back(old.arn);
  }
  std::erase_if(legs, [&](const Leg& leg) {
    return std::find(forwarding.retired.begin(), forwarding.retired.end(), leg.arn) !=
           forwarding.retired.end();
  });
  return legs;
}

Result<void> check_ours(const Work& work, const std::string& rule, const std::string& priority) {
  TRY(const auto tags, tags_of(work, {rule}));
  const auto found = tags.find(rule);
  if (found != tags.end() &&
      is_ours(found->second, work.names.installation(), work.aim.spec.app_id))
    return {};
  return foreign(work, fmt::format("a rule of priority {} in {}", priority, work.listener()),
                 "PAC_ECS_LISTENER");
}

Result<void> create(const Work& work, Surface surface, const std::string& priority,
                    const std::vector<Leg>& legs) {
  const auto made = work.change("elbv2", "CreateRule", priority,
                                {{"ListenerArn", work.listener()},
                                 {"Priority", std::stoi(priority)},
                                 {"Conditions", conditions_of(work, surface)},
                                 {"Actions", actions_of(legs)},
                                 {"Tags", other_tags(work.app_tags())}});
  if (made) return {};
  Error error = aws::to_error(made.error());
  // It was made between our look and now: the next sync sees whose it is.
  if (made.error().name == "PriorityInUse") error.retry = Retry::Later;
  return error;
}

}  // namespace

Result<Forwarding> ensure_rule(const Work& work, Surface surface, const std::string& target_group) {
  // The first that matches counts, and gRPC is also below the base path.
  const std::string priority =
      std::to_string(work.aim.rule_priority + (surface == Surface::Grpc ? 0 : 1));
  Forwarding forwarding;
  TRY(const json rule, find(work, priority));
  if (rule.is_null()) {
    TRY(const std::vector<Leg> legs, switched(work, {}, target_group, forwarding));
    TRY_VOID(create(work, surface, priority, legs));
    return forwarding;
  }
  const std::string arn = text_at(rule, "RuleArn");
  TRY_VOID(check_ours(work, arn, priority));
  const std::vector<Leg> is = legs_in(rule);
  TRY(const std::vector<Leg> wanted, switched(work, is, target_group, forwarding));
  json conditions = conditions_of(work, surface);
  std::sort(conditions.begin(), conditions.end());
  if (is == wanted && conditions_in(rule) == conditions) return forwarding;
  // Once they are in no rule, only the journal knows that they have to go.
  for (const std::string& each : forwarding.retired)
    TRY_VOID(work.journal.begin(work.step("elbv2", kDeleteTargetGroup, each)));
  TRY_VOID(plain(work.change(
      "elbv2", "ModifyRule", arn,
      {{"RuleArn", arn}, {"Conditions", conditions}, {"Actions", actions_of(wanted)}})));
  return forwarding;
}

}  // namespace pixell::engine::ecs
