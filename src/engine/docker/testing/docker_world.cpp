#include "engine/docker/testing/docker_world.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/check.hpp"
#include "base/files.hpp"
#include "engine/docker/container_request.hpp"
#include "engine/records/installation_mark.hpp"

namespace pixell::engine::docker::testing {

namespace fs = std::filesystem;

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace

std::optional<fs::path> given_socket() {
  const std::string socket = variable("PIXELL_DOCKER_SOCKET");
  if (socket.empty()) return {};
  return socket;
}

DockerWorld::DockerWorld()
    : state_(scratch_ / "state"),
      api_(given_socket().value_or("/nonexistent/docker.sock")),
      wire_(scratch_ / "wire.sock", api_.socket()) {
  EXPECT_TRUE(make_directories(state_));
  EXPECT_TRUE(write_file_atomically(scratch_ / "agent.apkg", "a package", 0644));
  restart();
}

DockerWorld::~DockerWorld() {
  engine_.reset();
  const std::string filter = label_filter(fmt::format("{}={}", kInstallationLabel, installation()));
  const auto containers = api_.get("/containers/json?all=1&filters=" + filter);
  EXPECT_TRUE(containers) << containers.error().message;
  for (const auto& one : containers.value_or(nlohmann::json::array())) {
    EXPECT_TRUE(api_.remove("/containers/" + text_in(one, "Id") + "?force=1&v=1"));
  }
  const auto networks = api_.get("/networks?filters=" + filter);
  for (const auto& one : networks.value_or(nlohmann::json::array())) {
    EXPECT_TRUE(api_.remove("/networks/" + text_in(one, "Id")));
  }
}

std::string DockerWorld::installation() const { return installation_mark(state_).text; }

void DockerWorld::restart(const std::function<void(DockerSettings&)>& change) {
  engine_.reset();
  DockerOptions options{.settings = {.socket = scratch_ / "wire.sock",
                                     .image = variable("PIXELL_DOCKER_IMAGE"),
                                     .publish = {}},
                        .state_dir = state_,
                        .clock = system_clock(),
                        .log = Log(2, LogLevel::Warning)};
  if (change) change(options.settings);
  auto made = make_docker_engine(options);
  CHECK(made, "this machine has a file system in memory");
  engine_ = std::move(*made);
}

InstanceSpec DockerWorld::spec(const std::string& id) const {
  InstanceSpec spec;
  spec.id = id;
  spec.app_id = "demo";
  spec.revision = 1;
  spec.package_path = (scratch_ / "agent.apkg").string();
  spec.package_sha256 = std::string(64, 'a');
  spec.base_path = "/agents/demo";
  spec.grace = Millis(2'000);
  return spec;
}

}  // namespace pixell::engine::docker::testing
