#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "base/ids.hpp"
#include "base/testing/fake_clock.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/store.hpp"

// What every backend must do. A backend is one row of kBackends.
namespace pixell::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Backend {
  std::string name;
  std::function<Result<std::unique_ptr<Store>>(const std::filesystem::path&, const Clock&)> open;
};

void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

class StoreTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("store-" + new_ulid(0));
    reopen();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  void reopen() {
    store_.reset();
    auto opened = GetParam().open(directory_ / "pixell.db", clock_);
    ASSERT_TRUE(opened) << opened.error().message << " " << opened.error().detail;
    store_ = std::move(*opened);
  }
  model::Deployment accept(const std::string& app, const std::string& url = "file:///a.apkg") {
    auto accepted = store_->accept_deployment({.app_id = app, .package_url = url});
    EXPECT_TRUE(accepted) << accepted.error().message;
    return accepted->deployment;
  }
  model::Package package(const std::string& app, char digit = 'a') {
    return {.sha256 = std::string(64, digit),
            .id = {},
            .app_id = app,
            .name = "hello",
            .version = "1.0.0",
            .size_bytes = 10,
            .manifest_json = "{}"};
  }
  RecordedRevision with_revision(const std::string& app, char digit = 'a') {
    auto recorded = store_->record_revision(accept(app), package(app, digit), kToken);
    EXPECT_TRUE(recorded) << recorded.error().message << recorded.error().detail;
    return *recorded;
  }
  model::Instance instance(const std::string& app, const std::string& id) {
    model::Instance made;
    made.id = id;
    made.app_id = app;
    made.revision = 1;
    made.address = "unix:/run/" + id;
    made.started_at = 5;
    made.changed_at = 6;
    return made;
  }
  model::Route route(const std::string& app, std::int64_t revision) {
    return {.app_id = app,
            .short_id = "abcd2345",
            .name = "hello",
            .description = "says hello",
            .version = "1.0.0",
            .legs = {{.revision = revision,
                      .weight_permille = 1000,
                      .tag = {},
                      .addresses = {"unix:/run/a"}}}};
  }

  static constexpr FencingToken kToken = 3;
  FakeClock clock_;
  std::filesystem::path directory_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreTest, AcceptsADeploymentWithItsAppOnFirstUse) {
  const auto accepted = store_->accept_deployment({.app_id = "hello",
                                                   .package_url = "file:///a.apkg",
                                                   .release_notes = "first",
                                                   .environment = {{"KEY", "väl\n"}},
                                                   .resources = {.memory_mb = 64},
                                                   .time_allowed = Millis(1'000)});

  ASSERT_TRUE(accepted) << accepted.error().message;
  EXPECT_EQ(accepted->app.id, "hello");
  EXPECT_EQ(accepted->app.short_id.size(), 8u);
  EXPECT_EQ(accepted->app.desired_revision, 0);
  const auto read = store_->deployment(accepted->deployment.id);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->state, model::DeploymentState::Queued);
  EXPECT_EQ(read->environment.at("KEY"), "väl\n");
  EXPECT_EQ(read->resources.memory_mb, 64);
  EXPECT_EQ(read->release_notes, "first");
  EXPECT_EQ(read->deadline, clock_.unix_now() + 1'000);
  EXPECT_THAT(read->steps, SizeIs(5));
}

TEST_P(StoreTest, KeepsTheAppOnTheSecondDeployment) {
  accept("hello");
  const auto first = store_->app("hello");

  accept("hello");

  EXPECT_EQ(store_->app("hello")->short_id, first->short_id);
  EXPECT_THAT(*store_->apps(), SizeIs(1));
  EXPECT_EQ(store_->app(first->short_id)->id, "hello");
}

TEST_P(StoreTest, AnswersNotFoundForWhatIsNotThere) {
  EXPECT_EQ(store_->app("none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(store_->deployment("none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(store_->instance("none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(store_->revision("none", 1).error().code, ErrorCode::NotFound);
  EXPECT_EQ(store_->package("none", "x").error().code, ErrorCode::NotFound);
  EXPECT_EQ(store_->route("none")->generation, 0);
}

TEST_P(StoreTest, KeepsWhatWasAcceptedWhenOpenedAgain) {
  const auto deployment = accept("hello");

  reopen();

  EXPECT_EQ(store_->deployment(deployment.id)->app_id, "hello");
  EXPECT_GT(*store_->last_event(), 0);
}

TEST_P(StoreTest, RefusesADeploymentIdThatIsTaken) {
  const auto first = accept("hello");

  const auto second = store_->accept_deployment({.id = first.id, .app_id = "hello"});

  EXPECT_EQ(second.error().code, ErrorCode::AlreadyExists);
  EXPECT_THAT(second.error().message, HasSubstr(first.id));
}

TEST_P(StoreTest, RefusesAnUploadedVersionThatExistsUnlessForced) {
  NewDeployment upload{
      .app_id = "hello", .package = package("hello"), .refuse_existing_version = true};
  ASSERT_TRUE(store_->accept_deployment(upload));

  const auto refused = store_->accept_deployment(upload);
  upload.refuse_existing_version = false;
  const auto forced = store_->accept_deployment(upload);

  EXPECT_EQ(refused.error().code, ErrorCode::AlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("1.0.0"));
  ASSERT_TRUE(forced) << forced.error().message;
  EXPECT_THAT(*store_->deployments({}), SizeIs(2)) << "the refused one leaves nothing";
}

TEST_P(StoreTest, RepeatsTheAnswerForTheSameIdempotencyKey) {
  const NewDeployment wanted{.app_id = "hello", .idempotency_key = "k", .request_digest = "d"};
  const auto first = store_->accept_deployment(wanted);

  const auto again = store_->accept_deployment(wanted);
  NewDeployment other = wanted;
  other.request_digest = "e";
  const auto refused = store_->accept_deployment(other);
  clock_.advance(kIdempotencyKeyLife + Millis(1));
  const auto later = store_->accept_deployment(other);

  EXPECT_TRUE(again->is_repeat);
  EXPECT_EQ(again->deployment.id, first->deployment.id);
  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  ASSERT_TRUE(later);
  EXPECT_NE(later->deployment.id, first->deployment.id);
}

TEST_P(StoreTest, RefusesAStaleWriterOfADeployment) {
  const auto stale = accept("hello");
  model::Deployment changed = stale;
  changed.state = model::DeploymentState::Processing;
  const auto written = store_->update_deployment(changed, kToken);
  ASSERT_TRUE(written);

  EXPECT_EQ(store_->update_deployment(stale, kToken).error().code, ErrorCode::Aborted);
  EXPECT_EQ(store_->update_deployment(*written, kToken - 1).error().code, ErrorCode::Aborted);
  EXPECT_TRUE(store_->update_deployment(*written, kToken + 1));
}

TEST_P(StoreTest, NeverChangesADeploymentThatEnded) {
  model::Deployment deployment = accept("hello");
  deployment.state = model::DeploymentState::Failed;
  deployment.failure = model::make_failure(model::Cause::Superseded, "newer", {"line \xff"});
  const auto ended = store_->update_deployment(deployment, kToken);
  ASSERT_TRUE(ended);

  EXPECT_EQ(store_->update_deployment(*ended, kToken).error().code, ErrorCode::Aborted);
  EXPECT_EQ(ended->failure->cause, model::Cause::Superseded);
  EXPECT_THAT(ended->failure->evidence, SizeIs(1));
}

TEST_P(StoreTest, CountsRevisionsPerApp) {
  const auto first = with_revision("hello");
  const auto second = with_revision("hello", 'b');
  const auto other = with_revision("other");

  EXPECT_EQ(first.revision.number, 1);
  EXPECT_EQ(second.revision.number, 2);
  EXPECT_EQ(other.revision.number, 1);
  EXPECT_EQ(second.deployment.revision, 2);
  EXPECT_EQ(store_->revisions("hello", 1)->front().number, 2);
  EXPECT_EQ(store_->package("hello", std::string(64, 'a'))->name, "hello");
  EXPECT_EQ(store_->revision("hello", 1)->version, "1.0.0");
}

TEST_P(StoreTest, RecordsNoRevisionForADeploymentThatEndedMeanwhile) {
  const model::Deployment read_before = accept("hello");
  model::Deployment failed = read_before;
  failed.state = model::DeploymentState::Failed;
  ASSERT_TRUE(store_->update_deployment(failed, kToken));

  const auto recorded = store_->record_revision(read_before, package("hello"), kToken);

  EXPECT_EQ(recorded.error().code, ErrorCode::Aborted);
  EXPECT_THAT(*store_->revisions("hello", 10), IsEmpty());
}

TEST_P(StoreTest, MakesTheRevisionDesiredWhenTheDeploymentCompletes) {
  auto recorded = with_revision("hello");
  const auto before = store_->app("hello")->generation;
  recorded.deployment.state = model::DeploymentState::Completed;

  ASSERT_TRUE(store_->complete_deployment(recorded.deployment, kToken));

  EXPECT_EQ(store_->app("hello")->desired_revision, 1);
  EXPECT_GT(store_->app("hello")->generation, before);
}

TEST_P(StoreTest, ListsOpenDeploymentsNewestFirst) {
  auto first = accept("hello");
  const auto second = accept("hello");
  const auto other = accept("other");

  std::vector<std::string> ids;
  const auto open = store_->deployments({.app_id = "hello", .only_open = true});
  for (const auto& deployment : *open) ids.push_back(deployment.id);
  first.state = model::DeploymentState::Failed;
  ASSERT_TRUE(store_->update_deployment(first, kToken));

  EXPECT_THAT(ids, ElementsAre(second.id, first.id));
  EXPECT_THAT(*store_->deployments({.only_open = true}), SizeIs(2));
  EXPECT_THAT(*store_->deployments({.app_id = "hello"}), SizeIs(2));
  EXPECT_THAT(*store_->deployments({.limit = 1}), SizeIs(1));
}

TEST_P(StoreTest, CountsTheQueue) {
  accept("hello");
  auto done = with_revision("hello").deployment;
  done.state = model::DeploymentState::Completed;
  done.completed_at = done.created_at + 2'000;
  ASSERT_TRUE(store_->complete_deployment(done, kToken));

  const auto stats = store_->queue_stats();

  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->queued, 1);
  EXPECT_EQ(stats->completed, 1);
  EXPECT_EQ(stats->failed, 0);
  EXPECT_DOUBLE_EQ(stats->average_processing_seconds, 2.0);
  EXPECT_EQ(stats->last_updated, clock_.unix_now());
}

TEST_P(StoreTest, KeepsInstancesWithTheirBootReport) {
  accept("hello");
  model::Instance written = instance("hello", "i1");
  written.phase = model::InstancePhase::Failed;
  written.boot_report = model::BootReport{};
  written.boot_report->failure = model::make_failure(model::Cause::MissingModule, "no yaml");

  ASSERT_TRUE(store_->put_instance(written, kToken));

  const auto read = store_->instance("i1");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->phase, model::InstancePhase::Failed);
  EXPECT_EQ(read->address, "unix:/run/i1");
  EXPECT_EQ(read->boot_report->failure->cause, model::Cause::MissingModule);
  EXPECT_EQ(store_->put_instance(written, kToken).has_value(), true);
}

TEST_P(StoreTest, WritesNothingWhenAnInstanceSaysTheSame) {
  accept("hello");
  ASSERT_TRUE(store_->put_instance(instance("hello", "i1"), kToken));
  const auto before = *store_->last_event();

  ASSERT_TRUE(store_->put_instance(instance("hello", "i1"), kToken));

  EXPECT_EQ(*store_->last_event(), before);
}

TEST_P(StoreTest, RefusesAnOldTokenForInstancesRoutesAndSteps) {
  accept("hello");
  ASSERT_TRUE(store_->put_instance(instance("hello", "i1"), kToken));
  ASSERT_TRUE(store_->set_route(route("hello", 1), kToken));
  ASSERT_TRUE(store_->begin_step({.key = "s", .app_id = "hello", .kind = "k"}, kToken));
  model::Instance changed = instance("hello", "i1");
  changed.phase = model::InstancePhase::Ready;

  const FencingToken old = kToken - 1;
  EXPECT_EQ(store_->put_instance(changed, old).error().code, ErrorCode::Aborted);
  EXPECT_EQ(store_->remove_instance("i1", old).error().code, ErrorCode::Aborted);
  EXPECT_EQ(store_->set_route(route("hello", 2), old).error().code, ErrorCode::Aborted);
  EXPECT_EQ(store_->finish_step("s", nullptr, old).error().code, ErrorCode::Aborted);
  EXPECT_EQ(store_->begin_step({.key = "s"}, old).error().code, ErrorCode::Aborted);
}

TEST_P(StoreTest, RemovesInstancesTwiceWithoutComplaint) {
  accept("hello");
  ASSERT_TRUE(store_->put_instance(instance("hello", "i1"), kToken));
  ASSERT_TRUE(store_->put_instance(instance("hello", "i2"), kToken));

  EXPECT_TRUE(store_->remove_instance("i1", kToken));
  EXPECT_TRUE(store_->remove_instance("i1", kToken));

  EXPECT_THAT(*store_->instances("hello"), SizeIs(1));
  EXPECT_THAT(*store_->instances(""), SizeIs(1));
}

TEST_P(StoreTest, GrowsTheRouteGenerationOnlyWithAChange) {
  accept("hello");
  accept("other");

  const auto first = store_->set_route(route("hello", 1), kToken);
  const auto same = store_->set_route(route("hello", 1), kToken);
  const auto other = store_->set_route(route("other", 1), kToken);

  EXPECT_EQ(*first, 1);
  EXPECT_EQ(*same, 1);
  EXPECT_EQ(*other, 2);
  EXPECT_EQ(store_->route("hello")->generation, 1);
  EXPECT_EQ(store_->route("other")->generation, 2);
  EXPECT_EQ(store_->routes()->generation, 2);
  EXPECT_THAT(store_->routes()->routes, SizeIs(2));
}

TEST_P(StoreTest, LeavesRoutesWithoutLegsOutOfTheSnapshot) {
  accept("hello");
  ASSERT_TRUE(store_->set_route(route("hello", 1), kToken));
  model::Route none = route("hello", 1);
  none.legs.clear();

  ASSERT_TRUE(store_->set_route(none, kToken));

  EXPECT_THAT(store_->routes()->routes, IsEmpty());
  EXPECT_EQ(store_->routes()->generation, 2);
}

TEST_P(StoreTest, KeepsStepsOpenUntilTheyAreFinished) {
  const Error failure = make_error(ErrorCode::Unavailable, "node is away");
  ASSERT_TRUE(
      store_->begin_step({.key = "a", .app_id = "hello", .kind = "k", .detail = "{}"}, kToken));
  ASSERT_TRUE(
      store_->begin_step({.key = "b", .app_id = "hello", .kind = "k", .detail = "{}"}, kToken));
  ASSERT_TRUE(store_->finish_step("b", &failure, kToken));

  ASSERT_THAT(*store_->open_steps(), SizeIs(1));
  EXPECT_EQ(store_->open_steps()->front().key, "a");

  ASSERT_TRUE(store_->begin_step({.key = "a"}, kToken));
  EXPECT_EQ(store_->open_steps()->front().tries, 2);
  ASSERT_TRUE(store_->finish_step("a", nullptr, kToken));
  EXPECT_THAT(*store_->open_steps(), IsEmpty());
}

TEST_P(StoreTest, GivesALeaseToOneHolderAtATime) {
  const auto first = store_->acquire_lease("reconciler", "a", Millis(1'000), false);
  ASSERT_TRUE(first);

  const auto refused = store_->acquire_lease("reconciler", "b", Millis(1'000), false);
  clock_.advance(Millis(1'001));
  const auto second = store_->acquire_lease("reconciler", "b", Millis(1'000), false);

  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  ASSERT_TRUE(second);
  EXPECT_GT(second->token, first->token);
  EXPECT_EQ(store_->renew_lease(*first, Millis(1'000)).error().code, ErrorCode::Aborted);
  EXPECT_TRUE(store_->renew_lease(*second, Millis(1'000)));
}

TEST_P(StoreTest, TakesALeaseOverFromAHolderThatHasGone) {
  const auto first = store_->acquire_lease("reconciler", "a", Millis(60'000), false);

  const auto second = store_->acquire_lease("reconciler", "b", Millis(60'000), true);

  ASSERT_TRUE(second);
  EXPECT_EQ(second->token, first->token + 1);
}

TEST_P(StoreTest, WakesAWaiterWhenSomethingChanges) {
  const auto before = *store_->last_event();
  Result<std::int64_t> seen = 0;
  std::jthread waiter(
      [&](std::stop_token stop) { seen = store_->wait_for_change(before, Millis(30'000), stop); });

  accept("hello");
  waiter.join();

  ASSERT_TRUE(seen);
  EXPECT_GT(*seen, before);
}

TEST_P(StoreTest, StopsWaitingWhenAsked) {
  std::stop_source source;
  source.request_stop();

  const auto seen =
      store_->wait_for_change(*store_->last_event(), Millis(60'000), source.get_token());

  EXPECT_EQ(*seen, *store_->last_event());
}

TEST_P(StoreTest, ChainsEvents) {
  accept("hello");
  with_revision("other");

  const auto events = store_->events_after(0, 100);

  ASSERT_TRUE(events);
  ASSERT_GE(events->size(), 4u);
  EXPECT_EQ(events->front().kind, "app_created");
  EXPECT_EQ((*events)[1].kind, "deployment_accepted");
  EXPECT_TRUE(store_->verify_events());
  EXPECT_THAT(*store_->events_after(events->back().sequence, 100), IsEmpty());
}

TEST_P(StoreTest, TakesWritesFromManyThreads) {
  std::vector<std::jthread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([this, i] {
      for (int n = 0; n < 5; ++n)
        EXPECT_TRUE(store_->accept_deployment({.app_id = "app" + std::to_string(i)}));
    });
  writers.clear();

  EXPECT_THAT(*store_->deployments({}), SizeIs(20));
  EXPECT_TRUE(store_->verify_events());
}

INSTANTIATE_TEST_SUITE_P(Backends, StoreTest,
                         ::testing::Values(Backend{
                             "sqlite",
                             [](const std::filesystem::path& path, const Clock& clock) {
                               return make_sqlite_store(path, clock);
                             }}),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace pixell::store
