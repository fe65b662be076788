#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/ecs/rules.hpp"
#include "engine/ecs/steps.hpp"

// What of an app's rules has to change for its traffic to be as it should.

namespace pixell::engine::ecs {

/// A slot's share, per mille.
using SlotShares = std::map<Slot, int>;

/// Which slots run these revisions, by the tags of their services. Of a revision that is in no slot
/// `missing` tells.
struct SlotsOfRevisions {
  SlotShares shares{};
  std::vector<std::int64_t> missing{};
};
Result<SlotsOfRevisions> slots_of(const Work& work, const std::map<std::int64_t, int>& shares);

/// A rule as it should be.
struct WantedRule {
  std::string arn;
  std::vector<Leg> legs;
  bool is_changed = false;
  std::string held;  ///< why it cannot be so yet; empty = it can
};

/// The legs of a described rule of the app with these shares. Target groups that get more than
/// nothing anew are looked at: one without a healthy target holds the rule.
Result<WantedRule> wanted_rule(const Work& work, const nlohmann::json& rule,
                               const SlotShares& shares);

}  // namespace pixell::engine::ecs
