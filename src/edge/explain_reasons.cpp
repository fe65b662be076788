#include "edge/explain_reasons.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "edge/sticky.hpp"

namespace pixell::edge {

using To = Decision::To;
using Pick = Decision::Pick;

bool is_sticky(Pick pick) { return pick == Pick::Header || pick == Pick::Cookie; }

int weight_with_targets(const AgentRoute& route) {
  int total = 0;
  for (const Leg& leg : route.legs)
    if (!leg.targets.empty()) total += leg.weight_permille;
  return total;
}

// The leg that the request gets for sure; null when the dice decide, or there is none.
const Leg* certain_leg(const Decision& decision) {
  if (decision.leg == nullptr || decision.leg->targets.empty()) return nullptr;
  const bool is_diced = decision.pick == Pick::Dice || decision.pick == Pick::NewCookie;
  const bool has_all = decision.leg->weight_permille == weight_with_targets(*decision.route);
  return is_diced && !has_all ? nullptr : decision.leg;
}

namespace {

std::string why_sticky(const Decision& decision) {
  const std::uint64_t point = decision.hash % kStickyPoints;
  const Leg* own = leg_at(*decision.route, point);
  std::string why = fmt::format("the {} '{}' puts this client at point {} of {}",
                                decision.pick == Pick::Header ? "header" : "cookie",
                                decision.route->sticky.name, point, kStickyPoints);
  if (own == decision.leg)
    return fmt::format("{}, which the weights give to revision {}", why, decision.leg->revision);
  if (own == nullptr)
    return fmt::format(
        "{}, which no leg's weight covers: it is spread over the legs there are, "
        "here to revision {}",
        why, decision.leg->revision);
  return fmt::format(
      "{}, which the weights give to revision {}; that one has no ready instance, so "
      "its clients are spread over the others, this one to revision {}",
      why, own->revision, decision.leg->revision);
}

std::string why_diced(const Decision& decision) {
  if (const Leg* leg = certain_leg(decision))
    return fmt::format("revision {} is the only one with a weight and a ready instance",
                       leg->revision);
  if (decision.pick == Pick::NewCookie)
    return fmt::format(
        "the request has no cookie '{}': it is diced by weight and the reply sets "
        "the cookie, which keeps later requests there",
        decision.route->sticky.name);
  if (decision.route->sticky.by == model::StickyBy::None)
    return "every request is diced by weight; see the shares of the legs";
  return fmt::format(
      "the request has no {} '{}': it is diced by weight; see the shares of the legs",
      decision.route->sticky.by == model::StickyBy::Header ? "header" : "cookie",
      decision.route->sticky.name);
}

std::string why_legacy(const Decision& decision) {
  const std::string& address = decision.route->routing.legacy.address;
  if (decision.pick == Pick::Alone)
    return fmt::format("no revision is routed: the legacy service at {} has every request",
                       address);
  return fmt::format(
      "the legacy service at {} has {} per mille of the requests without a tag, and this one is "
      "among them",
      address, decision.route->legacy->weight_permille);
}

std::string why_agent(const Decision& decision) {
  if (decision.is_legacy()) return why_legacy(decision);
  if (decision.pick == Pick::Tag)
    return fmt::format(
        "the request names the tag '{}', which revision {} has; weights do not "
        "matter",
        decision.tag, decision.leg->revision);
  return is_sticky(decision.pick) ? why_sticky(decision) : why_diced(decision);
}

std::string why_no_target(const Decision& decision) {
  if (decision.pick == Pick::Tag)
    return fmt::format("503: revision {} has the tag '{}', but no ready instance",
                       decision.leg->revision, decision.tag);
  const auto& legs = decision.route->legs;
  if (legs.empty()) return "503: the app has no revision in its route; look at its deployments";
  const bool has_target =
      std::any_of(legs.begin(), legs.end(), [](const Leg& leg) { return !leg.targets.empty(); });
  return has_target ? "503: only legs with the weight 0 have a ready instance; they are reached by "
                      "their tags"
                    : "503: no leg has a ready instance; look at the app's instances";
}

}  // namespace

std::string why(const Decision& decision) {
  switch (decision.to) {
    case To::Agent:
      return why_agent(decision);
    case To::Api:
      return "the host is no agent's, the path does not begin with /agents/, and no gRPC metadata "
             "x-agent-id or x-deployment-id names an agent: it goes to the control plane's API";
    case To::Directory:
      return "the edge answers the list of agents itself; methods but GET go to the API";
    case To::Explain:
      return "the edge answers explanations itself, to this machine only";
    case To::UnknownAgent:
      return fmt::format(
          "404: no app in the table has the id, the alias or the short id '{}' ({})", decision.id,
          decision.match == Decision::Match::Host ? "every host below the domain is an agent's"
                                                  : "upper and lower case differ");
    case To::UnknownTag:
      return fmt::format("404: no leg of the app has the tag '{}'", decision.tag);
    case To::NoTarget:
      return why_no_target(decision);
    case To::Metrics:
      return "the edge answers with its metrics itself, to this machine only";
    case To::Hidden:
      return "404: paths under /internal are not reachable through the edge";
  }
  return {};
}

}  // namespace pixell::edge
