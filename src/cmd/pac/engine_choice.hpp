#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "engine/docker/docker_engine.hpp"
#include "engine/engine.hpp"

namespace CLI {
class App;
}

namespace pixell::engine::ecs {
class RuleBook;
}

namespace pixell::cmd {

/// Which engine runs the agents, and what it needs to know.
struct EngineChoice {
  std::string name = "local";  ///< local, docker, ecs or fake
  engine::DockerSettings docker;
};

/// --engine and the settings of each engine; `group` is where help shows them.
void add_engine_options(CLI::App& command, EngineChoice& choice, const std::string& group);

/// The same options again, for the command line of a role.
std::vector<std::string> engine_arguments(const EngineChoice& choice);

/// Whether agents are processes of `pac node`.
inline bool has_node(const EngineChoice& choice) { return choice.name == "local"; }

/// Whether agents read packages from our disk; if not, they fetch them from the bucket of
/// AGENT_PACKAGES_BUCKET.
inline bool sees_our_disk(const EngineChoice& choice) { return choice.name != "ecs"; }

/// By which the engine marks what it makes in a cloud (engine/ecs/installation.hpp); empty where it
/// makes nothing there.
Result<std::string> cloud_installation(const EngineChoice& choice,
                                       const std::filesystem::path& state_dir);

/// What an operator has to set for the engine in the environment. InvalidArgument with all that is
/// wrong, a line for each.
Result<void> check_engine(const EngineChoice& choice);

/// The engine of an installation, for the process that asks. It asks nobody before its first call.
/// `rules` is for load balancers of AWS, and outlives it; null = it starts nothing behind them.
Result<std::unique_ptr<engine::Engine>> make_engine(const EngineChoice& choice,
                                                    const std::filesystem::path& state_dir,
                                                    const Log& log,
                                                    engine::ecs::RuleBook* rules = nullptr);

}  // namespace pixell::cmd
