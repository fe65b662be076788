#include "reconcile/executor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/fake_clock.hpp"
#include "reconcile/testing/fixture.hpp"

namespace pixell::reconcile {
namespace {

using model::DeploymentState;
using model::StepState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ExecutorTest : public ReconcileTest {
 protected:
  ExecutorTest() : ReconcileTest(fake_clock_) {}

  void SetUp() override {
    ReconcileTest::SetUp();
    rows_ = std::make_unique<InstanceRows>(*store_);
    rows_->set_token(kToken);
    executor_ = std::make_unique<Executor>(ExecutorParts{.store = *store_,
                                                         .engine = engine_,
                                                         .importer = importer_,
                                                         .rows = *rows_,
                                                         .clock = clock_,
                                                         .log = log_,
                                                         .options = {}});
    executor_->set_token(kToken);
  }
  Result<void> run(const Step& step) {
    auto app = store_->app("hello");
    EXPECT_TRUE(app);
    return executor_->run(*app, step, stop_.get_token());
  }
  std::vector<StepState> states(const std::string& id) {
    std::vector<StepState> all;
    for (const auto& step : deployment(id).steps) all.push_back(step.state);
    return all;
  }
  std::string with_revision(std::map<std::string, std::string> environment = {}) {
    std::string id = deploy("hello", std::move(environment));
    EXPECT_TRUE(run(ImportPackage{id}));
    return id;
  }
  model::Instance only_instance() {
    const auto all = store_->instances({.app_id = "hello"});
    EXPECT_THAT(*all, SizeIs(1));
    return all->empty() ? model::Instance() : all->front();
  }

  static constexpr store::FencingToken kToken = 2;
  const model::Traffic kAllToFirst = model::all_to({}, 1);
  FakeClock fake_clock_;
  std::stop_source stop_;
  std::unique_ptr<InstanceRows> rows_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(ExecutorTest, MakesARevisionOfAnImportedPackage) {
  const std::string id = deploy("hello", {{"KEY", "value"}});

  ASSERT_TRUE(run(ImportPackage{id}));

  EXPECT_EQ(deployment(id).revision, 1);
  EXPECT_EQ(deployment(id).version, "1.2.3");
  EXPECT_EQ(deployment(id).state, DeploymentState::Processing);
  EXPECT_EQ(store_->revision("hello", 1)->environment.at("KEY"), "value");
  EXPECT_THAT(states(id),
              ElementsAre(StepState::Completed, StepState::Completed, StepState::Processing,
                          StepState::Pending, StepState::Pending));
  EXPECT_THAT(*store_->open_steps(), IsEmpty());
}

TEST_F(ExecutorTest, MakesOneRevisionHoweverOftenItIsTold) {
  const std::string id = with_revision();

  ASSERT_TRUE(run(ImportPackage{id}));
  ASSERT_TRUE(run(CreateRevision{id}));

  EXPECT_THAT(*store_->revisions({.app_id = "hello", .limit = 10}), SizeIs(1));
}

TEST_F(ExecutorTest, FailsTheDeploymentWhoseImportFails) {
  const std::string id = deploy("hello", {}, "bad:unsafe_archive");

  ASSERT_TRUE(run(ImportPackage{id})) << "recorded, so not to be tried again";

  EXPECT_EQ(deployment(id).state, DeploymentState::Failed);
  EXPECT_EQ(deployment(id).failure->cause, model::Cause::UnsafeArchive);
  EXPECT_EQ(states(id).front(), StepState::Failed);
}

TEST_F(ExecutorTest, LeavesADeploymentOpenWhenItsImportIsInterrupted) {
  const std::string id = deploy("hello", {}, "bad:download_failed");
  importer_.before_import = [this](std::stop_token) { stop_.request_stop(); };

  EXPECT_EQ(run(ImportPackage{id}).error().code, ErrorCode::Cancelled);

  EXPECT_EQ(deployment(id).state, DeploymentState::Processing);
}

TEST_F(ExecutorTest, MakesARevisionOfAnUploadedPackage) {
  auto accepted =
      store_->accept_deployment({.app_id = "hello",
                                 .package = model::Package{.sha256 = std::string(64, 'b'),
                                                           .id = {},
                                                           .app_id = "hello",
                                                           .name = "hello",
                                                           .version = "2.0.0",
                                                           .size_bytes = 1,
                                                           .manifest_json = "{}"},
                                 .version = "2.0.0"});
  ASSERT_TRUE(accepted);

  ASSERT_TRUE(run(CreateRevision{accepted->deployment.id}));

  EXPECT_EQ(store_->revision("hello", 1)->version, "2.0.0");
  EXPECT_EQ(store_->revision("hello", 1)->package_sha256, std::string(64, 'b'));
}

TEST_F(ExecutorTest, StartsAnInstanceOfTheRevision) {
  const std::string id = with_revision({{"KEY", "value"}});

  ASSERT_TRUE(run(StartInstance{.revision = 1, .instance_id = {}, .deployment_id = id}));

  const model::Instance row = only_instance();
  EXPECT_EQ(row.revision, 1);
  EXPECT_EQ(row.phase, model::InstancePhase::Starting);
  EXPECT_GT(row.started_at, 0);
  EXPECT_EQ(engine_.inspect(row.id)->address, row.address);
}

TEST_F(ExecutorTest, TellsAnInstanceWhereItsPackageIsFetched) {
  const std::string id = with_revision();
  importer_.published = std::string("s3://kept/hello.apkg");

  ASSERT_TRUE(run(StartInstance{.revision = 1, .instance_id = {}, .deployment_id = id}));

  EXPECT_EQ(engine_.spec_of(only_instance().id)->package_url, "s3://kept/hello.apkg");
}

TEST_F(ExecutorTest, StartsNothingWhosePackageCannotBeFetched) {
  const std::string id = with_revision();
  importer_.published =
      Error{.code = ErrorCode::Unavailable, .message = "S3 does not answer", .retry = Retry::Later};
  EXPECT_FALSE(run(StartInstance{.revision = 1, .instance_id = {}, .deployment_id = id}));
  EXPECT_EQ(only_instance().phase, model::InstancePhase::Starting) << "it is tried again";
  EXPECT_THAT(*engine_.list(), IsEmpty());

  importer_.published = make_error(ErrorCode::PermissionDenied, "allow s3:PutObject");
  ASSERT_TRUE(
      run(StartInstance{.revision = 1, .instance_id = only_instance().id, .deployment_id = id}));

  EXPECT_EQ(only_instance().phase, model::InstancePhase::Failed);
  EXPECT_THAT(only_instance().boot_report->failure->message, HasSubstr("allow s3:PutObject"));
  EXPECT_THAT(*engine_.list(), IsEmpty());
}

TEST_F(ExecutorTest, StartsTheRecordedInstanceAfterALostReply) {
  const std::string id = with_revision({{engine::kFakeLostReply, "1"}});
  StartInstance start{.revision = 1, .instance_id = {}, .deployment_id = id};

  EXPECT_EQ(run(start).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(only_instance().started_at, 0) << "recorded, and known not to be started for sure";
  start.instance_id = only_instance().id;
  ASSERT_TRUE(run(start));

  EXPECT_THAT(*engine_.list(), SizeIs(1));
  EXPECT_GT(only_instance().started_at, 0);
}

TEST_F(ExecutorTest, RecordsAStartThatCanNeverWorkAsAFailedInstance) {
  const std::string id = with_revision({{engine::kFakeRefused, "no such thing"}});

  ASSERT_TRUE(run(StartInstance{.revision = 1, .instance_id = {}, .deployment_id = id}));

  const model::Instance failed = only_instance();
  EXPECT_EQ(failed.phase, model::InstancePhase::Failed);
  EXPECT_EQ(failed.boot_report->failure->cause, model::Cause::EngineFailed);
  EXPECT_THAT(failed.boot_report->failure->message, HasSubstr("no such thing"));
}

TEST_F(ExecutorTest, TakesOverAnEarlierStartUnderOtherOptions) {
  const std::string id = with_revision();
  model::Instance row;
  row.id = "i1";
  row.app_id = "hello";
  row.revision = 1;
  ASSERT_TRUE(rows_->plan(row));
  engine::InstanceSpec earlier;
  earlier.id = "i1";
  earlier.app_id = "hello";
  earlier.grace = Millis(1);
  ASSERT_TRUE(engine_.ensure(earlier));

  ASSERT_TRUE(run(StartInstance{.revision = 1, .instance_id = "i1", .deployment_id = id}));

  EXPECT_EQ(only_instance().phase, model::InstancePhase::Ready);
}

TEST_F(ExecutorTest, StopsWhatItShouldRemoveButRuns) {
  const std::string id = with_revision();
  ASSERT_TRUE(run(StartInstance{.revision = 1, .instance_id = {}, .deployment_id = id}));
  const std::string instance = only_instance().id;

  EXPECT_EQ(run(RemoveInstance{instance}).error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(*store_->instances({.app_id = "hello"}), SizeIs(1));

  EXPECT_TRUE(run(RemoveInstance{instance}));
  EXPECT_THAT(*store_->instances({.app_id = "hello"}), IsEmpty());
}

TEST_F(ExecutorTest, PublishesARouteWithTheManifestsWords) {
  const std::string id = with_revision();

  ASSERT_TRUE(run(PublishRoute{
      .legs = {{.revision = 1, .weight_permille = 1000, .tag = {}, .addresses = {"unix:/a"}}},
      .deployment_id = id}));

  const auto stored = store_->route("hello");
  EXPECT_EQ(stored->route.name, "Hello");
  EXPECT_EQ(stored->route.version, "1.2.3");
  EXPECT_EQ(stored->route.short_id, store_->app("hello")->short_id);
  EXPECT_EQ(states(id)[2], StepState::Completed);
  EXPECT_EQ(states(id)[3], StepState::Processing);
}

TEST_F(ExecutorTest, PublishesARouteWithoutLegsForALegacyTarget) {
  const model::Routing routing{.legacy = {.address = "10.0.0.7:80", .weight_permille = 1000}};
  ASSERT_TRUE(store_->set_routing("hello", routing, {}));

  ASSERT_TRUE(run(PublishRoute{.legs = {}, .routing = routing}));

  const auto snapshot = store_->routes();
  ASSERT_THAT(snapshot->routes, SizeIs(1));
  EXPECT_EQ(snapshot->routes[0].name, "hello");
  EXPECT_EQ(snapshot->routes[0].short_id, store_->app("hello")->short_id);
  EXPECT_EQ(snapshot->routes[0].routing, routing);
}

TEST_F(ExecutorTest, CompletesADeploymentOnce) {
  const std::string id = with_revision();
  fake_clock_.advance(Millis(250));

  ASSERT_TRUE(run(CompleteDeployment{id, kAllToFirst}));
  ASSERT_TRUE(run(CompleteDeployment{id, kAllToFirst}));

  EXPECT_EQ(deployment(id).state, DeploymentState::Completed);
  EXPECT_EQ(deployment(id).completed_at - deployment(id).created_at, 250);
  EXPECT_THAT(states(id), ::testing::Each(StepState::Completed));
  EXPECT_EQ(store_->app("hello")->traffic.legs.front().revision, 1);
}

TEST_F(ExecutorTest, BeginsAStageOnce) {
  const std::string id = with_revision();
  ASSERT_TRUE(run(AdvanceRollout{id, 1}));
  const UnixMillis begun = fake_clock_.unix_now();
  fake_clock_.advance(Millis(250));

  ASSERT_TRUE(run(AdvanceRollout{id, 1}));

  EXPECT_EQ(deployment(id).rollout.stage, 1);
  EXPECT_EQ(deployment(id).rollout.stage_started_at, begun);
  EXPECT_EQ(deployment(id).rollout.measured_since, begun);
}

TEST_F(ExecutorTest, TellsADeploymentThatHadTrafficAsRolledBack) {
  const std::string id = with_revision();

  ASSERT_TRUE(run(FailDeployment{.deployment_id = id,
                                 .failure = model::make_failure(model::Cause::Unhealthy, "errors"),
                                 .is_rolled_back = true}));

  EXPECT_EQ(deployment(id).state, DeploymentState::RolledBack);
}

TEST_F(ExecutorTest, RemovesADeletedAppWithItsPackagesOnce) {
  const std::string id = with_revision();
  ASSERT_TRUE(run(CompleteDeployment{id, kAllToFirst}));
  EXPECT_EQ(run(RemoveApp{"hello"}).error().code, ErrorCode::FailedPrecondition);
  ASSERT_TRUE(store_->delete_app("hello", {}));
  const model::AgentApp app = *store_->app("hello");

  ASSERT_TRUE(executor_->run(app, RemoveApp{"hello"}, {}));
  ASSERT_TRUE(executor_->run(app, RemoveApp{"hello"}, {}));

  EXPECT_EQ(store_->app("hello").error().code, ErrorCode::NotFound);
  EXPECT_THAT(importer_.removed, ElementsAre(std::string(64, 'a')));
}

TEST_F(ExecutorTest, RemovesADeletedAppOnlyWhenTheEngineHasNothingOfIt) {
  with_revision();
  ASSERT_TRUE(store_->delete_app("hello", {}));
  engine_.set_forgetting(1);

  ASSERT_TRUE(run(RemoveApp{"hello"}));
  EXPECT_TRUE(store_->app("hello")) << "something is left";
  engine_.set_away(true);
  EXPECT_EQ(run(RemoveApp{"hello"}).error().code, ErrorCode::Unavailable);
  engine_.set_away(false);
  ASSERT_TRUE(run(RemoveApp{"hello"}));

  EXPECT_EQ(store_->app("hello").error().code, ErrorCode::NotFound);
  EXPECT_THAT(engine_.forgotten(), ElementsAre("hello"));
}

TEST_F(ExecutorTest, NeverFailsWhatHasCompleted) {
  const std::string id = with_revision();
  ASSERT_TRUE(run(CompleteDeployment{id, kAllToFirst}));

  ASSERT_TRUE(run(FailDeployment{
      .deployment_id = id, .failure = model::make_failure(model::Cause::Superseded, "newer")}));

  EXPECT_EQ(deployment(id).state, DeploymentState::Completed);
}

TEST_F(ExecutorTest, MarksTheStepInWhichADeploymentFailed) {
  const std::string id = with_revision();

  ASSERT_TRUE(run(FailDeployment{.deployment_id = id,
                                 .failure = model::make_failure(model::Cause::Exited, "gone")}));

  EXPECT_THAT(states(id), ElementsAre(StepState::Completed, StepState::Completed, StepState::Failed,
                                      StepState::Pending, StepState::Pending));
}

TEST_F(ExecutorTest, StopsAndRemovesAnInstance) {
  const std::string id = with_revision();
  ASSERT_TRUE(run(StartInstance{.revision = 1, .instance_id = {}, .deployment_id = id}));
  const std::string instance = only_instance().id;

  ASSERT_TRUE(run(StopInstance{instance}));
  EXPECT_NE(only_instance().phase, model::InstancePhase::Starting);
  ASSERT_TRUE(run(RemoveInstance{instance}));
  EXPECT_TRUE(run(RemoveInstance{instance})) << "a second time is fine";

  EXPECT_THAT(*store_->instances({.app_id = "hello"}), IsEmpty());
  EXPECT_THAT(*engine_.list(), IsEmpty());
}

TEST_F(ExecutorTest, MarksAFailedStepInTheJournalAndReportsIt) {
  const std::string id = with_revision();
  engine_.set_away(true);

  const auto failed = run(StartInstance{.revision = 1, .instance_id = {}, .deployment_id = id});

  EXPECT_EQ(failed.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(*store_->open_steps(), IsEmpty()) << "it ended, with an error";
}

TEST_F(ExecutorTest, WritesNothingUnderALostLease) {
  const std::string id = with_revision();
  executor_->set_token(kToken - 1);

  EXPECT_EQ(run(CompleteDeployment{id, kAllToFirst}).error().code, ErrorCode::Aborted);

  EXPECT_EQ(deployment(id).state, DeploymentState::Processing);
}

TEST_F(ExecutorTest, KeepsRowsFromGoingBack) {
  deploy("hello");
  model::Instance seen;
  seen.id = "i1";
  seen.app_id = "hello";
  seen.restarts = 2;
  ASSERT_TRUE(rows_->plan(seen));
  seen.restarts = 0;
  seen.phase = model::InstancePhase::Ready;
  seen.started_at = 5;
  ASSERT_TRUE(rows_->observe(seen));

  seen.phase = model::InstancePhase::Starting;
  ASSERT_TRUE(rows_->observe(seen));

  EXPECT_EQ(store_->instance("i1")->phase, model::InstancePhase::Ready);
  EXPECT_EQ(store_->instance("i1")->restarts, 2);
}

}  // namespace
}  // namespace pixell::reconcile
