#include "engine/ecs/traffic_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/ecs/limits.hpp"

namespace pixell::engine::ecs {

using nlohmann::json;

namespace {

std::optional<Slot> slot_in(const Tags& tags) {
  const auto found = tags.find(kSlotTag);
  if (found == tags.end()) return {};
  for (const Slot slot : {Slot::A, Slot::B})
    if (found->second == to_string(slot)) return slot;
  return {};
}

// The whole of one slot is 1, as of an app's first target group: less changes.
int weight_of(const SlotShares& shares, Slot slot) {
  const auto found = shares.find(slot);
  if (found == shares.end() || found->second == 0) return 0;
  const auto used =
      std::count_if(shares.begin(), shares.end(), [](const auto& each) { return each.second > 0; });
  return used == 1 ? 1 : found->second;
}

// Of a slot whose target group is being replaced two are there: the one that serves goes on.
Result<Leg*> serving(const Work& work, std::vector<Leg*> legs, int weight) {
  std::stable_sort(legs.begin(), legs.end(),
                   [](const Leg* a, const Leg* b) { return a->weight > b->weight; });
  for (Leg* leg : legs) {
    if (leg->weight == weight) return leg;
    TRY(const bool is_healthy, has_healthy_target(work, leg->arn));
    if (is_healthy) return leg;
  }
  return nullptr;
}

}  // namespace

Result<SlotsOfRevisions> slots_of(const Work& work, const std::map<std::int64_t, int>& shares) {
  TRY(const json answer, plain(work.look("ecs", "DescribeServices",
                                         {{"cluster", work.settings.cluster},
                                          {"services",
                                           {work.names.service(work.aim.spec.app_id, Slot::A),
                                            work.names.service(work.aim.spec.app_id, Slot::B)}},
                                          {"include", {"TAGS"}}})));
  std::map<std::string, Slot> slots;
  for (const json& service : list_at(answer, "services")) {
    const Tags tags = read_tags(list_at(service, "tags"));
    const auto slot = slot_in(tags);
    const auto revision = tags.find(kRevisionTag);
    if (text_at(service, "status") == "ACTIVE" && slot && revision != tags.end() &&
        is_ours(tags, work.names.installation(), work.aim.spec.app_id))
      slots[revision->second] = *slot;
  }
  SlotsOfRevisions found;
  for (const auto& [revision, share] : shares) {
    const auto slot = slots.find(std::to_string(revision));
    if (slot == slots.end())
      found.missing.push_back(revision);
    else
      found.shares[slot->second] += share;
  }
  return found;
}

Result<WantedRule> wanted_rule(const Work& work, const json& rule, const SlotShares& shares) {
  WantedRule wanted{.arn = text_at(rule, "RuleArn"), .legs = legs_in(rule)};
  std::vector<std::string> arns;
  for (const Leg& leg : wanted.legs) arns.push_back(leg.arn);
  TRY(const auto tags, tags_of(work, arns));
  const std::vector<Leg> before = wanted.legs;
  for (const Slot slot : {Slot::A, Slot::B}) {
    std::vector<Leg*> legs;
    for (Leg& leg : wanted.legs)
      if (const auto found = tags.find(leg.arn);
          found != tags.end() && slot_in(found->second) == slot)
        legs.push_back(&leg);
    const int weight = weight_of(shares, slot);
    Leg* chosen = nullptr;
    if (weight > 0) {
      TRY(chosen, serving(work, legs, weight));
    }
    if (weight > 0 && chosen == nullptr) {
      wanted.held = fmt::format("slot {} has no healthy target in the rule of priority {}",
                                to_string(slot), text_at(rule, "Priority"));
      return wanted;
    }
    for (Leg* leg : legs) leg->weight = leg == chosen ? weight : 0;
  }
  wanted.is_changed = wanted.legs != before;
  return wanted;
}

}  // namespace pixell::engine::ecs
