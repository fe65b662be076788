#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/testing/conformance.hpp"

// What every backend must do with apps, their deployments and revisions.

namespace pixell::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreTest, AcceptsADeploymentWithItsAppOnFirstUse) {
  const auto accepted = store_->accept_deployment({.app_id = "hello",
                                                   .package_url = "file:///a.apkg",
                                                   .release_notes = "first",
                                                   .environment = {{"KEY", "väl\n"}},
                                                   .resources = {.memory_mb = 64},
                                                   .limits = {.memory_mb = 65, .cpu_milli = 500},
                                                   .time_allowed = Millis(1'000)});

  ASSERT_TRUE(accepted) << accepted.error().message;
  EXPECT_EQ(accepted->app.id, "hello");
  EXPECT_EQ(accepted->app.short_id.size(), 8u);
  EXPECT_TRUE(accepted->app.traffic.legs.empty());
  const auto read = store_->deployment(accepted->deployment.id);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->state, model::DeploymentState::Queued);
  EXPECT_EQ(read->environment.at("KEY"), "väl\n");
  EXPECT_EQ(read->resources.memory_mb, 64);
  EXPECT_EQ(read->limits, (model::LimitsAsked{.memory_mb = 65, .cpu_milli = 500}));
  EXPECT_EQ(read->release_notes, "first");
  EXPECT_EQ(read->deadline, clock_.unix_now() + 1'000);
  EXPECT_THAT(read->steps, SizeIs(5));
}

TEST_P(StoreTest, KeepsTheAppOnTheSecondDeployment) {
  accept("hello");
  const auto first = store_->app("hello");

  accept("hello");

  EXPECT_EQ(store_->app("hello")->short_id, first->short_id);
  EXPECT_THAT(*store_->apps({}), SizeIs(1));
  EXPECT_EQ(store_->app(first->short_id)->id, "hello");
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
  EXPECT_EQ(store_->revisions({.app_id = "hello", .limit = 1})->front().number, 2);
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
  EXPECT_THAT(*store_->revisions({.app_id = "hello", .limit = 10}), IsEmpty());
}

TEST_P(StoreTest, MakesTheRevisionDesiredWhenTheDeploymentCompletes) {
  auto recorded = with_revision("hello");
  const auto before = store_->app("hello")->generation;
  recorded.deployment.state = model::DeploymentState::Completed;

  ASSERT_TRUE(
      store_->complete_deployment(recorded.deployment, all_to(recorded.deployment), kToken));

  EXPECT_EQ(store_->app("hello")->traffic.legs.front().revision, 1);
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
  ASSERT_TRUE(store_->complete_deployment(done, all_to(done), kToken));

  const auto stats = store_->queue_stats();

  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->queued, 1);
  EXPECT_EQ(stats->completed, 1);
  EXPECT_EQ(stats->failed, 0);
  EXPECT_DOUBLE_EQ(stats->average_processing_seconds, 2.0);
  EXPECT_EQ(stats->last_updated, clock_.unix_now());
}

}  // namespace
}  // namespace pixell::store
