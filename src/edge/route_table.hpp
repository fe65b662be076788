#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "edge/host_index.hpp"
#include "edge/name_index.hpp"
#include "model/routes.hpp"
#include "net/client.hpp"

namespace pixell::edge {

/// Stands for a revision where a legacy service answers instead of one.
inline constexpr std::int64_t kLegacyRevision = 0;

/// Where requests of one revision may go.
struct Leg {
  std::int64_t revision = 0;
  std::string revision_text{};  ///< as replies name it
  int weight_permille = 0;
  std::string tag{};
  std::vector<net::Address> targets{};
  std::size_t slot = 0;          ///< among all legs of the table, from 0
  std::size_t first_target = 0;  ///< of `targets` among all targets of the table; they follow it
};

/// One agent app as the edge sees it.
struct AgentRoute {
  std::string app_id;
  std::string short_id;
  std::string name;
  std::string description;
  std::string version;
  std::size_t index = 0;     ///< of the route in its table
  std::vector<Leg> legs;     ///< by revision, so that new weights move as few clients as they can
  model::Stickiness sticky;  ///< with the cookie's name filled in
  model::Routing routing;
  std::optional<Leg> legacy;  ///< of the revision kLegacyRevision, when there is such a service
};

/// An immutable view of all routes, built once per snapshot and shared by all loops.
class RouteTable {
 public:
  /// Where the routes came from.
  enum class Origin { Control, SnapshotFile };

  /// Builds the table. Addresses that cannot be parsed are InvalidArgument: the snapshot is bad.
  /// Below `domains`, host names in lower case, every app has a host.
  static Result<std::shared_ptr<const RouteTable>> build(
      const model::RouteSnapshot& snapshot, Origin origin = Origin::Control,
      const std::vector<std::string>& domains = {});

  /// The route of a full id, an alias or a short id; null when unknown.
  const AgentRoute* find(std::string_view id) const { return by_id_.find(id); }
  const HostIndex& hosts() const { return hosts_; }

  std::int64_t generation() const { return generation_; }
  Origin origin() const { return origin_; }
  const std::vector<AgentRoute>& routes() const { return routes_; }
  /// How many legs there are in all, those of legacy services included.
  std::size_t slots() const { return slots_; }
  /// How many targets all legs have together.
  std::size_t targets() const { return targets_; }

 private:
  void number(Leg& leg);

  std::int64_t generation_ = 0;
  Origin origin_ = Origin::Control;
  std::size_t slots_ = 0;
  std::size_t targets_ = 0;
  std::vector<AgentRoute> routes_;
  // Both point into routes_, which never changes after build().
  NameIndex by_id_;
  HostIndex hosts_;
};

/// The targets of `before` that `after` does not have.
std::vector<net::Address> targets_gone(const RouteTable& before, const RouteTable& after);

}  // namespace pixell::edge
