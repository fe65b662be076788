#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/instance_spec.hpp"

namespace pixell::engine::node {

/// What the node adds to the contract variables of an instance.
struct ParEnvironmentInput {
  std::filesystem::path state_dir;
  std::filesystem::path instance_dir;
  std::optional<unsigned> worker_uid;
  /// The node's own environment; only what is on the allow-list is passed on.
  std::map<std::string, std::string> node_environment;
};

struct ParEnvironment {
  std::map<std::string, std::string> variables;
  /// Deploy-time names that were left out because they would steer par itself.
  std::vector<std::string> refused;
};

/// The whole environment of one par.
ParEnvironment par_environment(const InstanceSpec& spec, const ParEnvironmentInput& input);

/// True for variables of the node that every par may see: PATH, LANG, TZ, proxies, certificates,
/// and what steers the installers.
bool is_passed_on(std::string_view name);

}  // namespace pixell::engine::node
