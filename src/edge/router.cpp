#include "edge/router.hpp"

#include <algorithm>

#include "edge/sticky.hpp"

namespace pixell::edge {

namespace {

constexpr std::string_view kAgents = "/agents";

// A leg without a tag is not the leg of the empty tag. Tags have no capital letters, and hosts may.
const Leg* leg_by_tag(const Decision& decision) {
  if (decision.tag.empty()) return nullptr;
  const bool is_exact = decision.match != Decision::Match::Host;
  for (const Leg& leg : decision.route->legs)
    if (is_exact ? leg.tag == decision.tag : net::equal_names(leg.tag, decision.tag)) return &leg;
  return nullptr;
}

// Clients of a legacy service are those below its weight, by digits of the hash that do not pick
// among the legs: no client changes its leg when that weight does.
bool is_legacys(const AgentRoute& route, std::uint64_t hash) {
  return route.legacy &&
         (hash >> 32) % kStickyPoints < static_cast<std::uint64_t>(route.legacy->weight_permille);
}

void pick_by_value(Decision& decision, Decision::Pick pick, std::string_view value) {
  decision.pick = pick;
  decision.hash = sticky_hash(decision.route->app_id, value);
  decision.leg = is_legacys(*decision.route, decision.hash)
                     ? &*decision.route->legacy
                     : leg_by_hash(*decision.route, decision.hash);
}

void pick_by_dice(Decision& decision, std::uint64_t dice) {
  decision.pick = Decision::Pick::Dice;
  decision.leg = is_legacys(*decision.route, dice) ? &*decision.route->legacy
                                                   : leg_by_dice(*decision.route, dice);
}

// Picks among the weighted legs, for a request without a tag.
void pick_leg(Decision& decision, const net::RequestHead& head, std::uint64_t dice) {
  if (decision.route->legs.empty() && decision.route->legacy) {
    decision.pick = Decision::Pick::Alone;
    decision.leg = &*decision.route->legacy;
    return;
  }
  const model::Stickiness& sticky = decision.route->sticky;
  if (sticky.by == model::StickyBy::Header) {
    const std::string_view value = head.headers.get(sticky.name).value_or("");
    if (!value.empty()) return pick_by_value(decision, Decision::Pick::Header, value);
  }
  if (sticky.by == model::StickyBy::Cookie) {
    if (const auto value = cookie_value(head.headers, sticky.name))
      return pick_by_value(decision, Decision::Pick::Cookie, *value);
    // gRPC clients keep no cookies.
    if (!decision.is_grpc) {
      decision.token = new_sticky_token(dice);
      return pick_by_value(decision, Decision::Pick::NewCookie, decision.token);
    }
  }
  pick_by_dice(decision, dice);
}

// Picks the leg for a decision that has its route, and its tag when the request names one.
void decide_leg(Decision& decision, const net::RequestHead& head, std::uint64_t dice,
                bool has_tag) {
  if (!has_tag) {
    pick_leg(decision, head, dice);
  } else {
    decision.pick = Decision::Pick::Tag;
    decision.leg = leg_by_tag(decision);
    if (decision.leg == nullptr) {
      decision.to = Decision::To::UnknownTag;
      return;
    }
  }
  decision.to = decision.leg == nullptr || decision.leg->targets.empty() ? Decision::To::NoTarget
                                                                         : Decision::To::Agent;
}

// `name` is "id" or "id@tag".
void decide_agent(Decision& decision, const RouteTable& table, std::string_view name,
                  const net::RequestHead& head, std::uint64_t dice) {
  const std::size_t at = name.find('@');
  decision.to = Decision::To::UnknownAgent;
  decision.id = name.substr(0, at);
  decision.route = table.find(decision.id);
  const bool has_tag = at != std::string_view::npos;
  if (has_tag) decision.tag = name.substr(at + 1);
  if (decision.route != nullptr) decide_leg(decision, head, dice, has_tag);
}

// `rest` is what stands behind the agent's name: path and query, or only one of them, or nothing.
// `is_full` says that the target names the agent by nothing but its full id.
void set_target(Decision& decision, std::string_view rest, bool is_full) {
  if (decision.to != Decision::To::Agent) return;
  std::string& target = decision.rewritten;
  if (decision.is_legacy()) {
    const std::string& prefix = decision.route->routing.legacy.path_prefix;
    target.reserve(prefix.size() + 1 + rest.size());
    target += prefix;
    if (target.empty() && !rest.starts_with('/')) target += '/';
  } else {
    if (is_full) return;
    target.reserve(kAgents.size() + 1 + decision.route->app_id.size() + rest.size());
    target += kAgents;
    target += '/';
    target += decision.route->app_id;
  }
  target += rest;
}

// Where the name behind "/agents/" ends.
std::size_t end_of_name(std::string_view behind) {
  return std::min(behind.find_first_of("/?"), behind.size());
}

std::string_view path_of(std::string_view rest) { return rest.substr(0, rest.find('?')); }

void decide_by_path(Decision& decision, const RouteTable& table, const net::RequestHead& head,
                    std::uint64_t dice) {
  const std::string_view behind = std::string_view(head.target).substr(kAgents.size() + 1);
  const std::size_t end = end_of_name(behind);
  const std::string_view name = behind.substr(0, end);
  const std::string_view rest = behind.substr(end);
  decision.match = Decision::Match::Path;
  decision.surface = surface_of(head, decision.is_grpc, path_of(rest));
  decide_agent(decision, table, name, head, dice);
  set_target(decision, rest, decision.route != nullptr && name == decision.route->app_id);
}

void decide_by_metadata(Decision& decision, const RouteTable& table, std::string_view name,
                        const net::RequestHead& head, std::uint64_t dice) {
  decision.match = Decision::Match::Metadata;
  decision.surface = Surface::A2a;
  decide_agent(decision, table, name, head, dice);
}

// Every path of an agent's host is the agent's. One that names the agent as well, as links on its
// pages may, stands for what it says.
void decide_by_host(Decision& decision, const RouteTable& table, const HostMatch& host,
                    const net::RequestHead& head, std::uint64_t dice) {
  decision.match = Decision::Match::Host;
  decision.to = Decision::To::UnknownAgent;
  decision.id = host.name;
  decision.tag = host.tag;
  decision.route = host.route;
  if (host.route == nullptr) return;
  std::string_view rest = head.target == "*" ? std::string_view() : std::string_view(head.target);
  bool has_tag = !host.tag.empty();
  bool is_full = false, names_agent = false;
  if (rest.starts_with("/agents/")) {
    const std::string_view behind = rest.substr(kAgents.size() + 1);
    const std::string_view name = behind.substr(0, end_of_name(behind));
    const std::size_t at = name.find('@');
    names_agent = table.find(name.substr(0, at)) == host.route;
    if (names_agent) {
      rest = behind.substr(name.size());
      is_full = name == host.route->app_id;
      if (at != std::string_view::npos) {
        has_tag = true;
        decision.tag = name.substr(at + 1);
      }
    }
  }
  decision.surface = surface_of(head, decision.is_grpc, path_of(rest));
  decide_leg(decision, head, dice, has_tag);
  // par takes gRPC calls with and without a prefix.
  if (!decision.is_grpc || names_agent) set_target(decision, rest, is_full);
}

}  // namespace

Decision decide(const RouteTable& table, const net::RequestHead& head, std::uint64_t dice) {
  Decision decision;
  // A gRPC call is a POST; others need no look at their fields.
  decision.is_grpc = head.method == "POST" && head.is_grpc();
  if (!table.hosts().empty())
    if (const HostMatch host = table.hosts().find(head.authority); host.is_agent) {
      decide_by_host(decision, table, host, head, dice);
      return decision;
    }
  const std::string_view target = head.target;
  if (target.starts_with("/agents/") && target.size() > kAgents.size() + 1 &&
      target[kAgents.size() + 1] != '?') {
    decide_by_path(decision, table, head, dice);
    return decision;
  }
  const std::string_view path = head.path();
  if (path == "/internal" || path.starts_with("/internal/")) {
    decision.to = Decision::To::Hidden;
  } else if (path == kAgents || path == "/agents/") {
    decision.to = Decision::To::Directory;
  } else if (path == kExplainPath && !decision.is_grpc) {
    decision.to = Decision::To::Explain;
  } else if (path == kMetricsPath && !decision.is_grpc) {
    decision.to = Decision::To::Metrics;
  } else if (decision.is_grpc) {
    for (const std::string_view key : {"x-agent-id", "x-deployment-id"})
      if (const auto name = head.headers.get(key)) {
        decide_by_metadata(decision, table, *name, head, dice);
        break;
      }
  }
  return decision;
}

}  // namespace pixell::edge
