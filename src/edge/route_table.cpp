#include "edge/route_table.hpp"

#include <algorithm>
#include <unordered_set>

namespace pixell::edge {

namespace {

Result<Leg> leg_of(const model::RouteLeg& leg) {
  Leg made{
      .revision = leg.revision,
      .revision_text = leg.revision == kLegacyRevision ? "legacy" : std::to_string(leg.revision),
      .weight_permille = leg.weight_permille,
      .tag = leg.tag};
  for (const std::string& text : leg.addresses) {
    TRY(net::Address address, net::parse_address(text));
    made.targets.push_back(std::move(address));
  }
  return made;
}

Result<AgentRoute> agent_of(const model::Route& route) {
  AgentRoute agent{.app_id = route.app_id,
                   .short_id = route.short_id,
                   .name = route.name,
                   .description = route.description,
                   .version = route.version,
                   .sticky = route.sticky,
                   .routing = route.routing};
  if (agent.sticky.by == model::StickyBy::Cookie && agent.sticky.name.empty())
    agent.sticky.name = model::kStickyCookieName;
  for (const model::RouteLeg& leg : route.legs) {
    TRY(Leg made, leg_of(leg));
    agent.legs.push_back(std::move(made));
  }
  std::stable_sort(agent.legs.begin(), agent.legs.end(),
                   [](const Leg& a, const Leg& b) { return a.revision < b.revision; });
  if (const model::LegacyTarget& legacy = route.routing.legacy; !legacy.address.empty()) {
    TRY(Leg made, leg_of({.revision = kLegacyRevision,
                          .weight_permille = legacy.weight_permille,
                          .tag = {},
                          .addresses = {legacy.address}}));
    agent.legacy = std::move(made);
  }
  return agent;
}

}  // namespace

void RouteTable::number(Leg& leg) {
  leg.slot = slots_++;
  leg.first_target = targets_;
  targets_ += leg.targets.size();
}

Result<std::shared_ptr<const RouteTable>> RouteTable::build(
    const model::RouteSnapshot& snapshot, Origin origin, const std::vector<std::string>& domains) {
  auto table = std::make_shared<RouteTable>();
  table->generation_ = snapshot.generation;
  table->origin_ = origin;
  table->routes_.reserve(snapshot.routes.size());
  for (const model::Route& route : snapshot.routes) {
    TRY(AgentRoute agent, agent_of(route));
    agent.index = table->routes_.size();
    for (Leg& leg : agent.legs) table->number(leg);
    if (agent.legacy) table->number(*agent.legacy);
    table->routes_.push_back(std::move(agent));
  }
  // A full id wins over another app's alias, and both over a short id: those are the outside's,
  // short ids are ours.
  NameIndex& ids = table->by_id_;
  ids.reserve(table->routes_.size() * 2);
  for (const AgentRoute& agent : table->routes_) ids.add(agent.app_id, agent);
  for (const AgentRoute& agent : table->routes_)
    for (const std::string& alias : agent.routing.aliases) ids.add(alias, agent);
  for (const AgentRoute& agent : table->routes_) ids.add(agent.short_id, agent);
  table->hosts_ = HostIndex(table->routes_, domains);
  return std::shared_ptr<const RouteTable>(std::move(table));
}

std::vector<net::Address> targets_gone(const RouteTable& before, const RouteTable& after) {
  const auto each = [](const RouteTable& table, auto see) {
    const auto see_all = [&](const Leg& leg) { std::ranges::for_each(leg.targets, see); };
    for (const AgentRoute& route : table.routes()) {
      std::ranges::for_each(route.legs, see_all);
      if (route.legacy) see_all(*route.legacy);
    }
  };
  std::unordered_set<std::string_view> kept;
  kept.reserve(after.targets());
  each(after, [&](const net::Address& target) { kept.insert(target.text); });
  std::vector<net::Address> gone;
  each(before, [&](const net::Address& target) {
    if (kept.insert(target.text).second) gone.push_back(target);
  });
  return gone;
}

}  // namespace pixell::edge
