#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "engine/engine.hpp"

namespace pixell::engine {

inline constexpr const char* kDefaultDockerSocket = "/var/run/docker.sock";
inline constexpr const char* kDefaultDockerImage = "pixell/par:latest";

/// What an operator says about Docker.
struct DockerSettings {
  std::filesystem::path socket = kDefaultDockerSocket;
  /// The generic image: "name:tag", "name@sha256:…" or an id "sha256:…". A container is always made
  /// from the id that it has at that moment.
  std::string image = kDefaultDockerImage;
  /// Where par's port is published: "127.0.0.1", "127.0.0.1:20000-20999", or empty: nowhere, and
  /// the edge speaks to the container's own address.
  std::string publish;
};

struct DockerOptions {
  DockerSettings settings;
  std::filesystem::path state_dir;  ///< of the installation; absolute
  const Clock& clock = system_clock();
  Log log{};
};

/// Refuses a --docker-publish that is no address with an optional range of ports.
Result<void> check_docker_publish(const std::string& text);

/// The engine that runs each instance as a container of a Docker daemon on this machine, which must
/// see the same files as we do. Nothing is asked of the daemon before the first call; while it is
/// away calls fail with Unavailable (retry later).
Result<std::unique_ptr<Engine>> make_docker_engine(const DockerOptions& options);

}  // namespace pixell::engine
