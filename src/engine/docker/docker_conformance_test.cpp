#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/docker/container_request.hpp"
#include "engine/docker/testing/docker_world.hpp"
#include "engine/testing/conformance.hpp"

namespace pixell::engine {
namespace {

using docker::testing::DockerWorld;

class DockerUnderTest final : public EngineUnderTest {
 public:
  Engine& engine() override { return world_.engine(); }
  InstanceSpec good_spec(const std::string& id) override { return world_.spec(id); }
  InstanceSpec failing_spec(const std::string& id) override {
    InstanceSpec spec = world_.spec(id);
    spec.environment["FAKE_PAR_BOOT"] = "fail";
    return spec;
  }
  InstanceSpec hung_spec(const std::string& id) override {
    InstanceSpec spec = world_.spec(id);
    spec.environment["FAKE_PAR_STOP"] = "ignore";
    return spec;
  }
  void kill(const std::string& id) override {
    const auto killed =
        world_.api().post("/containers/" + docker::container_name(id) + "/kill?signal=SIGKILL", {});
    ASSERT_TRUE(killed) << killed.error().message;
  }
  Result<model::Instance> ensure_without_reply(InstanceSpec spec) override {
    world_.wire().lose_reply_to("/start");
    return engine().ensure(spec);
  }

 private:
  DockerWorld world_;
};

// `./dev test` always gives a daemon.
INSTANTIATE_TEST_SUITE_P(
    Docker, EngineConformanceTest,
    ::testing::Values(ConformingBackend{
        .name = "Docker",
        .make = [] { return std::make_unique<DockerUnderTest>(); },
        .missing = docker::testing::given_socket() ? "" : "PIXELL_DOCKER_SOCKET is not set"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace pixell::engine
