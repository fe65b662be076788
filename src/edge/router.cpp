#include "edge/router.hpp"

#include <algorithm>

#include "edge/sticky.hpp"

namespace pixell::edge {

namespace {

constexpr std::string_view kAgents = "/agents";

const Leg* leg_by_tag(const AgentRoute& route, std::string_view tag) {
  for (const Leg& leg : route.legs)
    if (leg.tag == tag) return &leg;
  return nullptr;
}

void pick_by_value(Decision& decision, Decision::Pick pick, std::string_view value) {
  decision.pick = pick;
  decision.hash = sticky_hash(decision.route->app_id, value);
  decision.leg = leg_by_hash(*decision.route, decision.hash);
}

// Picks among the weighted legs, for a request without a tag.
void pick_leg(Decision& decision, const net::RequestHead& head, std::uint64_t dice) {
  const model::Stickiness& sticky = decision.route->sticky;
  if (sticky.by == model::StickyBy::Header) {
    const std::string_view value = head.headers.get(sticky.name).value_or("");
    if (!value.empty()) return pick_by_value(decision, Decision::Pick::Header, value);
  }
  if (sticky.by == model::StickyBy::Cookie) {
    if (const auto value = cookie_value(head.headers, sticky.name))
      return pick_by_value(decision, Decision::Pick::Cookie, *value);
    // gRPC clients keep no cookies.
    if (!head.is_grpc()) {
      decision.token = new_sticky_token(dice);
      return pick_by_value(decision, Decision::Pick::NewCookie, decision.token);
    }
  }
  decision.pick = Decision::Pick::Dice;
  decision.leg = leg_by_dice(*decision.route, dice);
}

// `name` is "id" or "id@tag". A decision for an agent has no target yet.
Decision decide_agent(const RouteTable& table, std::string_view name, const net::RequestHead& head,
                      std::uint64_t dice) {
  const std::size_t at = name.find('@');
  Decision decision{.to = Decision::To::UnknownAgent};
  decision.id = name.substr(0, at);
  decision.route = table.find(decision.id);
  if (at != std::string_view::npos) decision.tag = name.substr(at + 1);
  if (decision.route == nullptr) return decision;
  if (at == std::string_view::npos) {
    pick_leg(decision, head, dice);
  } else {
    decision.pick = Decision::Pick::Tag;
    // A leg without a tag is not the leg of the empty tag.
    decision.leg = decision.tag.empty() ? nullptr : leg_by_tag(*decision.route, decision.tag);
    if (decision.leg == nullptr) {
      decision.to = Decision::To::UnknownTag;
      return decision;
    }
  }
  decision.to = decision.leg == nullptr || decision.leg->targets.empty() ? Decision::To::NoTarget
                                                                         : Decision::To::Agent;
  return decision;
}

Decision decide_by_path(const RouteTable& table, const net::RequestHead& head, std::uint64_t dice) {
  const std::string_view behind = std::string_view(head.target).substr(kAgents.size() + 1);
  const std::size_t end = std::min(behind.find_first_of("/?"), behind.size());
  Decision decision = decide_agent(table, behind.substr(0, end), head, dice);
  decision.match = Decision::Match::Path;
  if (decision.to != Decision::To::Agent) return decision;
  const std::string_view rest = behind.substr(end);
  decision.target.reserve(kAgents.size() + 1 + decision.route->app_id.size() + rest.size());
  decision.target += kAgents;
  decision.target += '/';
  decision.target += decision.route->app_id;
  decision.target += rest;
  return decision;
}

}  // namespace

Decision decide(const RouteTable& table, const net::RequestHead& head, std::uint64_t dice) {
  const std::string_view path = head.path();
  if (path == "/internal" || path.starts_with("/internal/"))
    return Decision{.to = Decision::To::Hidden};
  if (path == kAgents || path == "/agents/") return Decision{.to = Decision::To::Directory};
  if (path.starts_with("/agents/")) return decide_by_path(table, head, dice);
  if (head.is_grpc()) {
    if (const auto name = head.headers.get("x-agent-id")) {
      Decision decision = decide_agent(table, *name, head, dice);
      decision.match = Decision::Match::Metadata;
      if (decision.to == Decision::To::Agent) decision.target = head.target;
      return decision;
    }
  }
  if (path == kExplainPath) return Decision{.to = Decision::To::Explain};
  return Decision{.to = Decision::To::Api};
}

}  // namespace pixell::edge
