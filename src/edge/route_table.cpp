#include "edge/route_table.hpp"

#include <algorithm>

namespace pixell::edge {

Result<std::shared_ptr<const RouteTable>> RouteTable::build(const model::RouteSnapshot& snapshot,
                                                            Origin origin) {
  auto table = std::make_shared<RouteTable>();
  table->generation_ = snapshot.generation;
  table->origin_ = origin;
  table->routes_.reserve(snapshot.routes.size());
  for (const model::Route& route : snapshot.routes) {
    AgentRoute& agent = table->routes_.emplace_back();
    agent.index = table->routes_.size() - 1;
    agent.app_id = route.app_id;
    agent.short_id = route.short_id;
    agent.name = route.name;
    agent.description = route.description;
    agent.version = route.version;
    agent.sticky = route.sticky;
    agent.routing = route.routing;
    if (agent.sticky.by == model::StickyBy::Cookie && agent.sticky.name.empty())
      agent.sticky.name = model::kStickyCookieName;
    for (const model::RouteLeg& leg : route.legs) {
      Leg& made = agent.legs.emplace_back();
      made.revision = leg.revision;
      made.revision_text = std::to_string(leg.revision);
      made.weight_permille = leg.weight_permille;
      made.tag = leg.tag;
      for (const std::string& text : leg.addresses) {
        TRY(net::Address address, net::parse_address(text));
        made.targets.push_back(std::move(address));
      }
    }
    std::stable_sort(agent.legs.begin(), agent.legs.end(),
                     [](const Leg& a, const Leg& b) { return a.revision < b.revision; });
    for (Leg& leg : agent.legs) {
      leg.slot = table->slots_++;
      leg.first_target = table->targets_;
      table->targets_ += leg.targets.size();
    }
  }
  // A full id wins over another app's short id: ids are the outside's, short ids are ours.
  for (const AgentRoute& agent : table->routes_) table->by_id_[agent.app_id] = &agent;
  for (const AgentRoute& agent : table->routes_) table->by_id_.emplace(agent.short_id, &agent);
  return std::shared_ptr<const RouteTable>(std::move(table));
}

const AgentRoute* RouteTable::find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

}  // namespace pixell::edge
