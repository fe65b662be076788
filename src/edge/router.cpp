#include "edge/router.hpp"

namespace pixell::edge {

namespace {

constexpr std::string_view kAgents = "/agents";

// The leg a request without a tag gets. Legs without targets are passed over, so that a revision
// that lost its last instance does not swallow its share while another one still serves.
const Leg* leg_by_weight(const AgentRoute& route, std::uint32_t dice) {
  std::uint32_t total = 0;
  for (const Leg& leg : route.legs)
    if (!leg.targets.empty()) total += static_cast<std::uint32_t>(leg.weight_permille);
  if (total == 0) return nullptr;
  std::uint32_t point = dice % total;
  for (const Leg& leg : route.legs) {
    if (leg.targets.empty()) continue;
    const auto weight = static_cast<std::uint32_t>(leg.weight_permille);
    if (point < weight) return &leg;
    point -= weight;
  }
  return nullptr;
}

const Leg* leg_by_tag(const AgentRoute& route, std::string_view tag) {
  for (const Leg& leg : route.legs)
    if (leg.tag == tag) return &leg;
  return nullptr;
}

Decision decide_agent(const RouteTable& table, std::string_view segment, std::string_view rest,
                      std::uint32_t dice) {
  const std::size_t at = segment.find('@');
  Decision decision{.to = Decision::To::UnknownAgent};
  decision.id = segment.substr(0, at);
  decision.route = table.find(decision.id);
  if (decision.route == nullptr) return decision;
  if (at != std::string_view::npos) {
    decision.leg = leg_by_tag(*decision.route, segment.substr(at + 1));
    if (decision.leg == nullptr) {
      decision.to = Decision::To::UnknownTag;
      return decision;
    }
  } else {
    decision.leg = leg_by_weight(*decision.route, dice);
  }
  decision.to = decision.leg == nullptr || decision.leg->targets.empty() ? Decision::To::NoTarget
                                                                         : Decision::To::Agent;
  decision.target.reserve(kAgents.size() + 1 + decision.route->app_id.size() + rest.size());
  decision.target += kAgents;
  decision.target += '/';
  decision.target += decision.route->app_id;
  decision.target += rest;
  return decision;
}

}  // namespace

Decision decide(const RouteTable& table, const net::RequestHead& head, std::uint32_t dice) {
  const std::string_view target = head.target;
  const std::string_view path = head.path();
  if (path == "/internal" || path.starts_with("/internal/"))
    return Decision{.to = Decision::To::Hidden};
  if (path == kAgents || path == "/agents/") return Decision{.to = Decision::To::Directory};
  if (path.starts_with("/agents/")) {
    const std::string_view behind = target.substr(kAgents.size() + 1);
    const std::size_t end = behind.find_first_of("/?");
    return decide_agent(table, behind.substr(0, end),
                        end == std::string_view::npos ? std::string_view() : behind.substr(end),
                        dice);
  }
  if (head.is_grpc()) {
    if (const auto id = head.headers.get("x-agent-id")) {
      Decision decision = decide_agent(table, *id, {}, dice);
      if (decision.to == Decision::To::Agent) decision.target = head.target;
      return decision;
    }
  }
  return Decision{.to = Decision::To::Api};
}

}  // namespace pixell::edge
