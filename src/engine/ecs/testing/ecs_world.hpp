#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/ecs/ecs_engine.hpp"
#include "engine/ecs/testing/fake_ecs.hpp"
#include "engine/ecs/testing/good_settings.hpp"
#include "engine/testing/scratch_state.hpp"

namespace pixell::engine::ecs {

/// An engine on a FakeEcs, with a state directory that outlives it.
class EcsWorld : public ::testing::Test {
 protected:
  EcsWorld() { restart(); }

  /// The engine of another process on the same state directory.
  void restart() {
    engine_.reset();
    auto made = make_ecs_engine({.settings = settings_,
                                 .state_dir = state_.path(),
                                 .clock = cloud.clock,
                                 .log = Log(-1),
                                 .outside = cloud.outside(),
                                 .environment = {{"AWS_ACCESS_KEY_ID", "A"},
                                                 {"AWS_SECRET_ACCESS_KEY", "s"},
                                                 {"AWS_REGION", "us-east-2"}}});
    ASSERT_TRUE(made) << made.error().message;
    engine_ = std::move(*made);
  }
  Engine& engine() { return *engine_; }

  static InstanceSpec spec(const std::string& id, std::int64_t revision = 1) {
    InstanceSpec made = good_spec();
    made.id = id;
    made.app_id = "hello";
    made.revision = revision;
    made.deployment_id = "01HY" + std::to_string(revision);
    made.environment.clear();
    return made;
  }

  /// The engine looks, now.
  std::vector<model::Instance> look() {
    cloud.clock.advance(kIdleLook);
    const auto seen = engine().list();
    EXPECT_TRUE(seen) << seen.error().message;
    return seen ? *seen : std::vector<model::Instance>();
  }
  /// The scheduler and the engine take turns, until nothing changes any more.
  void turn(int rounds = 4) {
    for (int i = 0; i < rounds; ++i) {
      cloud.schedule();
      cloud.settle_tasks();
      look();
    }
  }
  void start(const InstanceSpec& wanted) {
    const auto started = engine().ensure(wanted);
    ASSERT_TRUE(started) << started.error().message;
    turn();
    ASSERT_EQ(phase(wanted.id), model::InstancePhase::Ready);
  }
  model::Instance instance(const std::string& id) {
    const auto seen = engine().inspect(id);
    EXPECT_TRUE(seen) << seen.error().message;
    return seen ? *seen : model::Instance();
  }
  model::InstancePhase phase(const std::string& id) { return instance(id).phase; }
  int desired(const std::string& service) {
    return cloud.service(service).at("desiredCount").get<int>();
  }

  FakeEcs cloud;
  Settings settings_ = *read_settings(good_environment());
  engine::testing::ScratchState state_;

 private:
  std::unique_ptr<Engine> engine_;
};

}  // namespace pixell::engine::ecs
