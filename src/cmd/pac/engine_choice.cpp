#include "cmd/pac/engine_choice.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "cmd/pac/package_mirror.hpp"
#include "engine/ecs/ecs_engine.hpp"
#include "engine/ecs/installation.hpp"
#include "engine/fake/fake_engine.hpp"
#include "engine/local/local_engine.hpp"
#include "engine/local/node/node.hpp"

namespace pixell::cmd {

namespace {

std::string check_publish(const std::string& text) {
  const auto checked = engine::check_docker_publish(text);
  return checked ? std::string() : checked.error().message;
}

// Every fault of the settings, and that of the bucket.
Result<engine::ecs::Settings> ecs_settings(const aws::Environment& environment) {
  auto settings = engine::ecs::read_settings(environment);
  std::string faults = settings ? std::string() : settings.error().message;
  const auto note = [&faults](std::string_view fault) {
    if (!faults.empty()) faults += '\n';
    faults += fault;
  };
  const auto bucket = packages_bucket(environment);
  if (!bucket)
    note(bucket.error().message);
  else if (bucket->empty())
    note("AGENT_PACKAGES_BUCKET is not set: name the bucket from which tasks fetch their packages");
  if (faults.empty()) return settings;
  return make_error(ErrorCode::InvalidArgument, std::move(faults));
}

}  // namespace

void add_engine_options(CLI::App& command, EngineChoice& choice, const std::string& group) {
  command.add_option("--engine", choice.name, "What runs the agents: local, docker, ecs or fake")
      ->envname("PAC_ENGINE")
      ->capture_default_str()
      ->check(CLI::IsMember({"local", "docker", "ecs", "fake"}))
      ->group(group);
  command
      .add_option("--docker-socket", choice.docker.socket,
                  "Socket of the Docker daemon, which must be on this machine")
      ->envname("PAC_DOCKER_SOCKET")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--docker-image", choice.docker.image,
                  "The generic image: name:tag, name@sha256:... or an id")
      ->envname("PAC_DOCKER_IMAGE")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--docker-publish", choice.docker.publish,
                  "Address, or address:first-last, where agents' ports are published. Default: "
                  "nowhere, the edge speaks to the containers' own addresses")
      ->envname("PAC_DOCKER_PUBLISH")
      ->check(CLI::Validator(check_publish, "ADDRESS[:PORTS]"))
      ->group(group);
}

std::vector<std::string> engine_arguments(const EngineChoice& choice) {
  std::vector<std::string> arguments{"--engine", choice.name};
  if (choice.name != "docker") return arguments;
  arguments.insert(arguments.end(), {"--docker-socket", choice.docker.socket.string(),
                                     "--docker-image", choice.docker.image});
  if (!choice.docker.publish.empty())
    arguments.insert(arguments.end(), {"--docker-publish", choice.docker.publish});
  return arguments;
}

Result<std::string> cloud_installation(const EngineChoice& choice,
                                       const std::filesystem::path& state_dir) {
  if (choice.name != "ecs") return std::string();
  TRY(const auto kept, engine::ecs::kept_installation(state_dir));
  return kept.value_or(std::string());
}

Result<void> check_engine(const EngineChoice& choice) {
  if (choice.name != "ecs") return {};
  TRY(const engine::ecs::Settings settings, ecs_settings(own_environment()));
  (void)settings;
  return {};
}

Result<std::unique_ptr<engine::Engine>> make_engine(const EngineChoice& choice,
                                                    const std::filesystem::path& state_dir,
                                                    const Log& log, engine::ecs::RuleBook* rules) {
  if (choice.name == "local")
    return engine::make_local_engine(engine::node::node_socket(state_dir));
  if (choice.name == "docker")
    return engine::make_docker_engine(
        {.settings = choice.docker, .state_dir = state_dir, .clock = system_clock(), .log = log});
  if (choice.name == "ecs") {
    TRY(engine::ecs::Settings settings, ecs_settings(own_environment()));
    return engine::make_ecs_engine({.settings = std::move(settings),
                                    .state_dir = state_dir,
                                    .clock = system_clock(),
                                    .log = log,
                                    .environment = own_environment(),
                                    .rules = rules});
  }
  if (choice.name == "fake") return std::make_unique<engine::FakeEngine>(system_clock());
  return make_error(
      ErrorCode::InvalidArgument,
      fmt::format("there is no engine '{}'; use local, docker, ecs or fake", choice.name));
}

}  // namespace pixell::cmd
