#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "edge/name_index.hpp"

namespace pixell::edge {

/// A name below which every app has a host, in lower case. InvalidArgument when it is no host name.
Result<std::string> domain_of(std::string_view text);

/// What a Host or :authority names.
struct HostMatch {
  bool is_agent = false;              ///< the host is an agent's, also when there is no such agent
  const AgentRoute* route = nullptr;  ///< null with is_agent: unknown
  std::string_view name{};            ///< of the agent, as it stands in the authority
  std::string_view tag{};             ///< empty = none; in the case that the client wrote
};

/// Finds agents by host: by names of their own (model::Routing::hosts), and as {app}.{domain} and
/// {tag}--{app}.{domain}, where {app} is the app's id, an alias without a point, or the short id.
/// Hosts compare without case and without port. A host name has no case but an id has: an id in
/// lower case is meant before one that differs by case, and of two such ids neither has a host.
class HostIndex {
 public:
  HostIndex() = default;
  /// `domains` are host names in lower case.
  HostIndex(const std::vector<AgentRoute>& routes, const std::vector<std::string>& domains);

  /// No host leads to an agent.
  bool empty() const { return hosts_.empty() && suffixes_.empty(); }
  HostMatch find(std::string_view authority) const;

 private:
  void add_labels(const std::vector<AgentRoute>& routes);
  HostMatch find_label(std::string_view label, std::string_view as_written) const;

  NameIndex hosts_;
  NameIndex labels_;
  std::deque<std::string> lowered_;    // ids with capital letters, as labels
  std::vector<std::string> suffixes_;  // ".example.com"
};

}  // namespace pixell::edge
