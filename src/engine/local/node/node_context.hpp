#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "engine/local/node/cgroup.hpp"
#include "engine/local/node/health_probe.hpp"
#include "engine/local/node/user_ids.hpp"

namespace pixell::engine::node {

/// What every instance of one node shares. Lives as long as the node; used on its loop only.
struct NodeContext {
  net::EventLoop& loop;
  const Clock& clock;
  Log log;
  std::filesystem::path state_dir;  ///< absolute, without links
  std::filesystem::path par_program;
  std::map<std::string, std::string> environment;  ///< the node's own
  Cgroups cgroups;
  UserIds user_ids;
  std::unique_ptr<net::HttpClient> client;  ///< asks instances; keeps no connections
  ProbeSettings probes;
  /// Told after each observed change.
  std::function<void()> changed{};

  std::filesystem::path instance_dir(const std::string& id) const {
    return state_dir / "instances" / id;
  }
};

}  // namespace pixell::engine::node
