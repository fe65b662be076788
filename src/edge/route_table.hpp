#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "model/routes.hpp"
#include "net/client.hpp"

namespace pixell::edge {

/// Where requests of one revision may go.
struct Leg {
  std::int64_t revision = 0;
  int weight_permille = 0;
  std::string tag;
  std::vector<net::Address> targets;
};

/// One agent app as the edge sees it.
struct AgentRoute {
  std::string app_id;
  std::string short_id;
  std::string name;
  std::string description;
  std::string version;
  std::vector<Leg> legs;
};

/// An immutable view of all routes, built once per snapshot and shared by all loops.
class RouteTable {
 public:
  /// Builds the table. Addresses that cannot be parsed are InvalidArgument: the snapshot is bad.
  static Result<std::shared_ptr<const RouteTable>> build(const model::RouteSnapshot& snapshot);

  /// The route of a full or short id; null when unknown.
  const AgentRoute* find(std::string_view id) const;

  std::int64_t generation() const { return generation_; }
  const std::vector<AgentRoute>& routes() const { return routes_; }

 private:
  std::int64_t generation_ = 0;
  std::vector<AgentRoute> routes_;
  // Keys point into routes_, which never changes after build().
  std::unordered_map<std::string_view, const AgentRoute*> by_id_;
};

}  // namespace pixell::edge
