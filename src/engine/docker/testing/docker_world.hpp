#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/testing/temp_directory.hpp"
#include "engine/docker/docker_api.hpp"
#include "engine/docker/docker_engine.hpp"
#include "engine/docker/testing/cut_socket.hpp"

namespace pixell::engine::docker::testing {

/// The daemon that tests were given, or none.
std::optional<std::filesystem::path> given_socket();

/// An installation of its own on the daemon that tests were given, with the scripted par as its
/// image. At the end everything of it is removed.
class DockerWorld {
 public:
  DockerWorld();
  ~DockerWorld();
  DockerWorld(const DockerWorld&) = delete;
  DockerWorld& operator=(const DockerWorld&) = delete;

  Engine& engine() { return *engine_; }
  DockerApi& api() { return api_; }
  CutSocket& wire() { return wire_; }
  const std::filesystem::path& state() const { return state_; }
  std::string installation() const;
  /// Another engine on the same state, as after a restart of pac.
  void restart(const std::function<void(DockerSettings&)>& change = {});
  InstanceSpec spec(const std::string& id) const;

 private:
  TempDirectory scratch_;
  std::filesystem::path state_;
  DockerApi api_;
  CutSocket wire_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace pixell::engine::docker::testing
