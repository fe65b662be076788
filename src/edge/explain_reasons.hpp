#pragma once

#include <string>

#include "edge/router.hpp"

namespace pixell::edge {

/// The value of a header or a cookie picked the leg.
bool is_sticky(Decision::Pick pick);
/// What all legs with a target weigh together.
int weight_with_targets(const AgentRoute& route);
/// The leg that the request gets for sure; null when the dice decide, or there is none.
const Leg* certain_leg(const Decision& decision);
/// In words, for an operator: why the decision is as it is.
std::string why(const Decision& decision);

}  // namespace pixell::edge
