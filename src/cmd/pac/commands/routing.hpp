#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cmd/pac/commands/session.hpp"
#include "model/routing.hpp"

namespace pixell::cmd {

/// What `pac routing APP` is to change; texts of arguments.hpp, checked already. What is not there
/// or empty stays as it is.
struct RoutingChange {
  std::optional<std::int64_t> max_concurrent;
  std::optional<std::int64_t> requests_per_second;
  std::optional<std::int64_t> burst;
  std::string max_body;  ///< "10MiB"
  std::string timeouts;  ///< "rest=60s,idle=5m"
  std::vector<std::string> aliases;
  std::vector<std::string> no_aliases;
  std::vector<std::string> hosts;
  std::vector<std::string> no_hosts;
  std::string mirror;  ///< "13=10%"
  bool no_mirror = false;
  std::string legacy;  ///< "10.0.0.7:8080"
  std::optional<std::string> legacy_prefix;
  std::string legacy_weight;  ///< "20%"
  bool no_legacy = false;

  bool operator==(const RoutingChange&) const = default;
  bool is_empty() const { return *this == RoutingChange(); }
};

/// The routing after a change. A rate of 0 takes its burst away. NotFound for an alias or host to
/// take away that is not there; InvalidArgument for a legacy target without an address, or a new
/// one without a share. Pure.
Result<model::Routing> changed_routing(model::Routing routing, const RoutingChange& change);

/// Shows how an app is reached, after changing it unless the change is empty. An app that is not
/// there is created by a change with a legacy target. The change is refused (Conflict) when
/// somebody else changed the app meanwhile, or another app has a name.
Outcome<void> routing(const Session& session, const std::string& app, const RoutingChange& change);

}  // namespace pixell::cmd
