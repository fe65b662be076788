// What the Docker engine does beyond the conformance suite, on a real daemon.
#include "engine/docker/docker_engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/ids.hpp"
#include "engine/docker/container_request.hpp"
#include "engine/docker/testing/docker_world.hpp"

namespace pixell::engine::docker {
namespace {

using model::Cause;
using model::InstancePhase;
using nlohmann::json;
using testing::DockerWorld;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr Millis kPatience{60'000};

std::string new_id() { return new_ulid(system_clock().unix_now()); }

class DockerEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::given_socket()) GTEST_SKIP() << "PIXELL_DOCKER_SOCKET is not set";
    world_ = std::make_unique<DockerWorld>();
  }
  Engine& engine() { return world_->engine(); }
  model::Instance wait_for(const std::string& id, InstancePhase phase) {
    const Instant end = system_clock().now() + kPatience;
    std::int64_t position = 0;
    while (system_clock().now() < end) {
      const auto seen = engine().inspect(id);
      if (seen && seen->phase == phase) return *seen;
      position = engine().wait_for_change(position, Millis(1'000), {}).value_or(0);
    }
    ADD_FAILURE() << id << " did not become " << model::to_string(phase);
    return {};
  }
  json inspect(const std::string& id) {
    return world_->api().get("/containers/" + container_name(id) + "/json").value_or(json());
  }
  // A container that is not of this installation.
  void make_foreign(const std::string& name) {
    const auto made = world_->api().post("/containers/create?name=" + name,
                                         {{"Image", std::getenv("PIXELL_DOCKER_IMAGE")}});
    ASSERT_TRUE(made) << made.error().message;
    foreign_ = text_in(*made, "Id");
  }
  ~DockerEngineTest() override {
    if (!foreign_.empty()) {
      EXPECT_TRUE(world_->api().remove("/containers/" + foreign_));
    }
  }

  std::unique_ptr<DockerWorld> world_;
  std::string foreign_;
};

TEST_F(DockerEngineTest, GivesValuesByAFileThatGoesWhenTheyWereRead) {
  InstanceSpec spec = world_->spec(new_id());
  spec.environment["API_KEY"] = "s3cret-value";
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, InstancePhase::Ready);

  const json inspected = inspect(spec.id);

  EXPECT_THAT(inspected.dump(), Not(HasSubstr("s3cret-value")));
  std::string secrets;
  for (const json& mount : inspected["Mounts"])
    if (mount["Destination"] == kSecretsPlace) secrets = mount["Source"];
  ASSERT_THAT(secrets, Not(IsEmpty()));
  EXPECT_FALSE(std::filesystem::exists(secrets + "/environment.json"));
}

TEST_F(DockerEngineTest, AdoptsWhatRunsAfterARestart) {
  const InstanceSpec spec = world_->spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  const auto before = wait_for(spec.id, InstancePhase::Ready);

  world_->restart();

  const auto after = engine().list();
  ASSERT_TRUE(after);
  ASSERT_THAT(*after, SizeIs(1));
  EXPECT_EQ(after->front().pid, before.pid);
  EXPECT_EQ(after->front().phase, InstancePhase::Ready);
  EXPECT_EQ(engine().ensure(spec)->pid, before.pid);
}

TEST_F(DockerEngineTest, GoesOnWithAStopAfterARestart) {
  InstanceSpec spec = world_->spec(new_id());
  spec.environment["FAKE_PAR_STOP"] = "ignore";
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, InstancePhase::Ready);
  ASSERT_TRUE(engine().stop(spec.id, Millis(0)));

  world_->restart();
  ASSERT_TRUE(engine().list());

  EXPECT_EQ(wait_for(spec.id, InstancePhase::Stopped).exit_signal, SIGKILL);
}

TEST_F(DockerEngineTest, StartsAContainerThatWasOnlyMade) {
  const InstanceSpec spec = world_->spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  wait_for(spec.id, InstancePhase::Ready);
  const json request = inspect(spec.id);
  ASSERT_TRUE(world_->api().remove("/containers/" + container_name(spec.id) + "?force=1"));
  json made = {{"Image", request["Image"]},
               {"User", request["Config"]["User"]},
               {"Labels", request["Config"]["Labels"]},
               {"Env", request["Config"]["Env"]},
               {"HostConfig", request["HostConfig"]}};
  ASSERT_TRUE(world_->api().post("/containers/create?name=" + container_name(spec.id), made));
  EXPECT_EQ(engine().inspect(spec.id)->started_at, 0);

  ASSERT_TRUE(engine().ensure(spec));

  wait_for(spec.id, InstancePhase::Ready);
}

TEST_F(DockerEngineTest, NeverTouchesAForeignContainerOfTheSameName) {
  const InstanceSpec spec = world_->spec(new_id());
  make_foreign(container_name(spec.id));

  for (const Error& error :
       {engine().ensure(spec).error(), engine().stop(spec.id, Millis(0)).error(),
        engine().remove(spec.id).error(), engine().inspect(spec.id).error()}) {
    EXPECT_EQ(error.code, ErrorCode::FailedPrecondition);
    EXPECT_THAT(error.message, HasSubstr("rename or remove it"));
  }
  EXPECT_EQ(text_in(inspect(spec.id), "Id"), foreign_);
  EXPECT_THAT(*engine().list(), IsEmpty());
}

TEST_F(DockerEngineTest, TellsThatTheImageIsMissing) {
  world_->restart([](DockerSettings& settings) { settings.image = "pixell-test/none:1"; });

  const auto failed = engine().ensure(world_->spec(new_id()));

  ASSERT_TRUE(failed) << failed.error().message;
  EXPECT_EQ(failed->phase, InstancePhase::Failed);
  EXPECT_EQ(failed->started_at, 0);
  EXPECT_EQ(failed->boot_report->failure->cause, Cause::ImageNotFound);
  EXPECT_THAT(*engine().list(), IsEmpty());
}

TEST_F(DockerEngineTest, PublishesAPortAndTellsWhenNoneIsFree) {
  const auto publish = [](DockerSettings& settings) { settings.publish = "127.0.0.1:28731"; };
  world_->restart(publish);
  const InstanceSpec first = world_->spec(new_id());
  ASSERT_TRUE(engine().ensure(first));
  EXPECT_EQ(wait_for(first.id, InstancePhase::Ready).address, "127.0.0.1:28731");

  const auto second = engine().ensure(world_->spec(new_id()));

  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->phase, InstancePhase::Failed);
  EXPECT_EQ(second->boot_report->failure->cause, Cause::PortNotBound);
  EXPECT_THAT(*engine().list(), SizeIs(1)) << "nothing is left of the one that did not start";
}

TEST_F(DockerEngineTest, RemovesTheNetworkWithTheLastInstanceOfItsApp) {
  const InstanceSpec spec = world_->spec(new_id());
  ASSERT_TRUE(engine().ensure(spec));
  const std::string network = "/networks/" + network_name(world_->installation(), "demo");
  ASSERT_TRUE(world_->api().get(network));
  ASSERT_TRUE(engine().stop(spec.id, Millis(2'000)));
  wait_for(spec.id, InstancePhase::Stopped);

  ASSERT_TRUE(engine().remove(spec.id));

  EXPECT_EQ(world_->api().get(network).error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace pixell::engine::docker
