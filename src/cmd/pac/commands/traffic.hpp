#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cmd/pac/commands/session.hpp"
#include "model/traffic.hpp"

namespace pixell::cmd {

/// What `pac traffic APP` is to change; texts of arguments.hpp, checked already.
struct TrafficChange {
  std::string split;               ///< "12=90%,13=10%"
  std::vector<std::string> tags;   ///< "next=13"
  std::vector<std::string> untag;  ///< "next"
  std::string sticky;
  bool pin = false;
  bool unpin = false;

  bool is_empty() const {
    return split.empty() && tags.empty() && untag.empty() && sticky.empty() && !pin && !unpin;
  }
};

/// The traffic after a change: a split replaces all shares and keeps tags; a leg without a share
/// and a tag goes. NotFound for a tag to take away that no leg has. Pure.
Result<model::Traffic> changed_traffic(model::Traffic traffic, const TrafficChange& change);

/// Shows the traffic of an app, after changing it unless the change is empty. The change is refused
/// (Conflict) when somebody else changed the traffic meanwhile.
Outcome<void> traffic(const Session& session, const std::string& app, const TrafficChange& change);

}  // namespace pixell::cmd
