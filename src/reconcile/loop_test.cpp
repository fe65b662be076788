#include "reconcile/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <semaphore>

#include "reconcile/testing/fixture.hpp"

namespace pixell::reconcile {
namespace {

using model::DeploymentState;
using model::InstancePhase;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Only a hung reconciler runs into it.
constexpr Millis kPatience{60'000};

class ReconcilerTest : public ReconcileTest {
 protected:
  ReconcilerTest() : ReconcileTest(system_clock()) {}

  void TearDown() override {
    reconciler_.reset();
    ReconcileTest::TearDown();
  }
  void start() {
    reconciler_ = std::make_unique<Reconciler>(ReconcilerParts{.store = *store_,
                                                               .engine = engine_,
                                                               .importer = importer_,
                                                               .edges = edges_,
                                                               .signals = signals_,
                                                               .clock = clock_,
                                                               .log = log_},
                                               ReconcilerOptions{.takes_lease_over = true});
    const auto started = reconciler_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  // Looks again after each change of the store.
  bool eventually(const std::function<bool()>& is_so) {
    const Instant end = clock_.now() + kPatience;
    while (clock_.now() < end) {
      const std::int64_t position = *store_->last_event();
      if (is_so()) return true;
      (void)*store_->wait_for_change(position, Millis(1'000), {});
    }
    return false;
  }
  bool ends(const std::string& id, DeploymentState state) {
    return eventually([&] { return model::is_final(deployment(id).state); }) &&
           deployment(id).state == state;
  }
  // One ready instance of the revision, the route on it, and nothing else.
  bool serves_alone(std::int64_t revision) {
    return eventually([&] {
      const auto instances = store_->instances({.app_id = "hello"});
      const auto route = store_->route("hello");
      return instances && instances->size() == 1 && instances->front().revision == revision &&
             instances->front().phase == InstancePhase::Ready && route->route.legs.size() == 1 &&
             route->route.legs[0].addresses == std::vector{instances->front().address};
    });
  }
  model::Instance serving() { return store_->instances({.app_id = "hello"})->front(); }

  std::unique_ptr<Reconciler> reconciler_;
};

TEST_F(ReconcilerTest, BringsADeploymentToCompletion) {
  start();

  const std::string id = deploy("hello");

  ASSERT_TRUE(ends(id, DeploymentState::Completed));
  EXPECT_TRUE(serves_alone(1));
  EXPECT_EQ(store_->app("hello")->traffic.legs.front().revision, 1);
  EXPECT_THAT(store_->routes()->routes, SizeIs(1));
}

TEST_F(ReconcilerTest, FollowsTheNumberThatTheEngineWants) {
  engine::FakeScaler& scaler = engine_.let_scale();
  start();
  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));
  const model::AppSettings scaled{
      .scaling = model::Scaling{.min_instances = 1, .max_instances = 3, .percent = 60}};
  ASSERT_TRUE(store_->update_app("hello", nullptr, &scaled, {}));
  const auto serves = [&](std::size_t count) {
    return eventually([&] {
      const auto legs = store_->route("hello")->route.legs;
      return store_->instances({.app_id = "hello"})->size() == count && legs.size() == 1 &&
             legs[0].addresses.size() == count;
    });
  };
  ASSERT_TRUE(eventually([&] { return scaler.scalings()->contains("hello"); }));

  scaler.want("hello", 3);
  EXPECT_TRUE(serves(3));
  scaler.want("hello", 1);
  EXPECT_TRUE(serves(1));

  ASSERT_TRUE(store_->delete_app("hello", {}));
  EXPECT_TRUE(eventually([&] { return !store_->app("hello"); }));
  EXPECT_TRUE(scaler.scalings()->empty());
}

TEST_F(ReconcilerTest, TakesUpWhatWasAcceptedBeforeItStarted) {
  const std::string id = deploy("hello");

  start();

  EXPECT_TRUE(ends(id, DeploymentState::Completed));
}

TEST_F(ReconcilerTest, ReplacesTheOldRevisionAndStopsItsInstance) {
  start();
  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));
  const std::string old = serving().id;

  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));

  EXPECT_TRUE(serves_alone(2));
  EXPECT_EQ(engine_.inspect(old).error().code, ErrorCode::NotFound);
}

TEST_F(ReconcilerTest, KeepsTheOldInstanceUntilTheEdgesAppliedTheRoute) {
  start();
  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));
  const std::string old = serving().id;
  edges_.applied = store_->routes()->generation;

  const std::string id = deploy("hello");
  ASSERT_TRUE(eventually([&] {
    const auto legs = store_->route("hello")->route.legs;
    return legs.size() == 1 && legs[0].revision == 2;
  }));
  EXPECT_EQ(deployment(id).state, DeploymentState::Processing);
  EXPECT_EQ(engine_.inspect(old)->phase, InstancePhase::Ready);
  edges_.applied = INT64_MAX;
  reconciler_->wake();

  EXPECT_TRUE(ends(id, DeploymentState::Completed));
  EXPECT_TRUE(serves_alone(2));
}

TEST_F(ReconcilerTest, KeepsTheOldRevisionWhenTheNewOneFails) {
  start();
  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));

  const std::string id =
      deploy("hello", {{engine::kFakeExitCode, "13"}, {engine::kFakeCause, "missing_module"}});

  ASSERT_TRUE(ends(id, DeploymentState::Failed));
  EXPECT_EQ(deployment(id).failure->cause, model::Cause::MissingModule);
  EXPECT_TRUE(serves_alone(1));
}

TEST_F(ReconcilerTest, LeavesNothingOfAFirstDeploymentThatFails) {
  start();

  ASSERT_TRUE(ends(deploy("hello", {{engine::kFakeExitCode, "1"}}), DeploymentState::Failed));

  EXPECT_TRUE(eventually([&] { return store_->instances({.app_id = "hello"})->empty(); }));
  EXPECT_TRUE(eventually([&] { return store_->routes()->routes.empty(); }));
  EXPECT_THAT(*engine_.list(), IsEmpty());
}

TEST_F(ReconcilerTest, RoutesALegacyServiceUntilItsAppIsDeleted) {
  start();
  const model::Routing routing{.aliases = {"old"}, .legacy = {.address = "10.0.0.7:80"}};

  ASSERT_TRUE(store_->set_routing("hello", routing, {}));
  ASSERT_TRUE(eventually([&] { return store_->routes()->routes.size() == 1; }));
  EXPECT_EQ(store_->routes()->routes[0].routing.aliases, routing.aliases);
  ASSERT_TRUE(store_->delete_app("hello", {}));

  EXPECT_TRUE(eventually([&] { return !store_->app("hello"); }));
  EXPECT_THAT(store_->routes()->routes, IsEmpty());
}

TEST_F(ReconcilerTest, AsksTheEngineToForgetADeletedAppUntilItHas) {
  start();
  engine_.set_forgetting(2);
  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));

  ASSERT_TRUE(store_->delete_app("hello", {}));

  EXPECT_TRUE(eventually([&] { return !store_->app("hello"); }));
  EXPECT_EQ(engine_.forgotten(), std::vector<std::string>{"hello"});
}

TEST_F(ReconcilerTest, FailsADeploymentWhoseImportFails) {
  start();

  const std::string id = deploy("hello", {}, "bad:digest_mismatch");

  ASSERT_TRUE(ends(id, DeploymentState::Failed));
  EXPECT_EQ(deployment(id).failure->cause, model::Cause::DigestMismatch);
}

TEST_F(ReconcilerTest, EndsADeploymentAtItsDeadline) {
  start();

  const std::string id =
      deploy("hello", {{engine::kFakeNeverReady, "1"}}, "file:///a.apkg", Millis(300));

  ASSERT_TRUE(ends(id, DeploymentState::Failed));
  EXPECT_EQ(deployment(id).failure->cause, model::Cause::DeadlineExceeded);
  EXPECT_TRUE(eventually([&] { return store_->instances({.app_id = "hello"})->empty(); }));
}

TEST_F(ReconcilerTest, LetsTheNewestDeploymentWin) {
  start();
  const std::string slow = deploy("hello", {{engine::kFakeNeverReady, "1"}});
  ASSERT_TRUE(eventually([&] { return !store_->instances({.app_id = "hello"})->empty(); }));

  const std::string newer = deploy("hello");

  EXPECT_TRUE(ends(newer, DeploymentState::Completed));
  EXPECT_TRUE(ends(slow, DeploymentState::Failed));
  EXPECT_EQ(deployment(slow).failure->cause, model::Cause::Superseded);
  EXPECT_TRUE(serves_alone(2));
}

TEST_F(ReconcilerTest, ReplacesAnInstanceThatDied) {
  start();
  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));
  ASSERT_TRUE(serves_alone(1));
  const std::string dead = serving().id;

  engine_.kill(dead, SIGKILL);

  ASSERT_TRUE(eventually([&] {
    const auto instances = store_->instances({.app_id = "hello"});
    return !instances->empty() && instances->back().id != dead;
  }));
  EXPECT_TRUE(serves_alone(1));
  EXPECT_EQ(serving().restarts, 1);
}

TEST_F(ReconcilerTest, RepairsAnAppWhileItsNextPackageIsFetched) {
  start();
  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));
  ASSERT_TRUE(serves_alone(1));
  const std::string dead = serving().id;
  std::binary_semaphore may_go_on{0};
  importer_.before_import = [&](std::stop_token) { may_go_on.acquire(); };
  const std::string id = deploy("hello");

  engine_.kill(dead, SIGKILL);

  EXPECT_TRUE(serves_alone(1));
  EXPECT_TRUE(eventually([&] { return serving().id != dead; }));
  may_go_on.release();
  EXPECT_TRUE(ends(id, DeploymentState::Completed));
}

TEST_F(ReconcilerTest, FindsItsInstancesAgainAfterARestart) {
  start();
  ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));
  ASSERT_TRUE(serves_alone(1));
  const std::string instance = serving().id;
  reconciler_.reset();

  start();
  ASSERT_TRUE(ends(deploy("other"), DeploymentState::Completed));

  EXPECT_TRUE(serves_alone(1));
  EXPECT_EQ(serving().id, instance);
}

TEST_F(ReconcilerTest, WaitsForAnEngineThatIsAway) {
  engine_.set_away(true);
  start();
  const std::string id = deploy("hello");
  ASSERT_TRUE(eventually([&] { return deployment(id).revision == 1; }));

  engine_.set_away(false);

  EXPECT_TRUE(ends(id, DeploymentState::Completed));
}

TEST_F(ReconcilerTest, StopsInstancesThatNobodyRecorded) {
  engine::InstanceSpec spec;
  spec.id = "stray";
  spec.app_id = "forgotten";
  ASSERT_TRUE(engine_.ensure(spec));

  start();

  // Its app has no rows to watch: other work shows that time goes on.
  const Instant end = clock_.now() + kPatience;
  while (engine_.inspect("stray") && clock_.now() < end)
    ASSERT_TRUE(ends(deploy("hello"), DeploymentState::Completed));
  EXPECT_EQ(engine_.inspect("stray").error().code, ErrorCode::NotFound);
}

TEST_F(ReconcilerTest, ClosesStepsThatWereInterrupted) {
  ASSERT_TRUE(store_->begin_step({.key = "stop_instance:x", .app_id = "hello", .kind = "k"}, 0));

  start();

  EXPECT_THAT(*store_->open_steps(), IsEmpty());
}

TEST_F(ReconcilerTest, RefusesToStartWhileAnotherHoldsTheLease) {
  ASSERT_TRUE(store_->acquire_lease("reconciler", "another", Millis(60'000), false));
  Reconciler second({.store = *store_,
                     .engine = engine_,
                     .importer = importer_,
                     .edges = edges_,
                     .signals = signals_,
                     .clock = clock_,
                     .log = log_},
                    {});

  EXPECT_EQ(second.start().error().code, ErrorCode::FailedPrecondition);
}

TEST_F(ReconcilerTest, DeploysManyAppsAtOnce) {
  start();
  std::vector<std::string> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(deploy("app" + std::to_string(i)));

  for (const std::string& id : ids) EXPECT_TRUE(ends(id, DeploymentState::Completed));

  EXPECT_THAT(store_->routes()->routes, SizeIs(12));
  EXPECT_TRUE(store_->verify_events());
}

}  // namespace
}  // namespace pixell::reconcile
