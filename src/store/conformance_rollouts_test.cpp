#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/testing/conformance.hpp"

// What every backend must do with rollouts, filters, and answers that are given once.

namespace pixell::store {
namespace {

using model::RolloutCommand;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_P(StoreTest, TakesCommandsForARolloutThatIsOpen) {
  const auto deployment = accept("hello");

  const auto paused = store_->command_rollout(deployment.id, RolloutCommand::Pause, std::nullopt);
  const auto again = store_->command_rollout(deployment.id, RolloutCommand::Pause, std::nullopt);
  const auto stale =
      store_->command_rollout(deployment.id, RolloutCommand::Resume, deployment.generation);
  const auto resumed =
      store_->command_rollout(deployment.id, RolloutCommand::Resume, paused->generation);

  ASSERT_TRUE(paused) << paused.error().message;
  EXPECT_TRUE(paused->rollout.is_paused);
  EXPECT_GT(paused->generation, deployment.generation);
  EXPECT_EQ(again->generation, paused->generation) << "it says so already";
  EXPECT_EQ(stale.error().code, ErrorCode::Aborted);
  EXPECT_FALSE(resumed->rollout.is_paused);
  EXPECT_EQ(store_->command_rollout("none", RolloutCommand::Abort, {}).error().code,
            ErrorCode::NotFound);
}

TEST_P(StoreTest, ACommandFencesTheReconcilersStaleWrite) {
  model::Deployment read_before = accept("hello");
  ASSERT_TRUE(store_->command_rollout(read_before.id, RolloutCommand::Abort, std::nullopt));
  read_before.state = model::DeploymentState::Processing;

  EXPECT_EQ(store_->update_deployment(read_before, kToken).error().code, ErrorCode::Aborted);
  EXPECT_TRUE(store_->deployment(read_before.id)->rollout.is_aborted);
}

TEST_P(StoreTest, RefusesCommandsForARolloutThatHasEnded) {
  model::Deployment deployment = accept("hello");
  deployment.state = model::DeploymentState::RolledBack;
  ASSERT_TRUE(store_->update_deployment(deployment, kToken));

  const auto refused = store_->command_rollout(deployment.id, RolloutCommand::Promote, {});

  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("rolled_back"));
}

TEST_P(StoreTest, KeepsWhatADeploymentIsToDo) {
  const NewDeployment wanted{.app_id = "hello",
                             .strategy = {.kind = model::StrategyKind::Canary,
                                          .steps = {{.weight_permille = 50, .seconds = 60}},
                                          .health = {.max_error_permille = 7}},
                             .tag = "next",
                             .moves_traffic = false};
  const auto accepted = store_->accept_deployment(wanted);
  ASSERT_TRUE(accepted);

  reopen();

  const auto read = store_->deployment(accepted->deployment.id);
  EXPECT_EQ(read->strategy, wanted.strategy);
  EXPECT_EQ(read->tag, "next");
  EXPECT_FALSE(read->moves_traffic);
  EXPECT_EQ(read->kind, model::DeploymentKind::Deploy);
}

TEST_P(StoreTest, ListsDeploymentsByStateAndPosition) {
  auto first = accept("hello");
  const auto second = accept("hello");
  const auto third = accept("hello");
  first.state = model::DeploymentState::RolledBack;
  ASSERT_TRUE(store_->update_deployment(first, kToken));
  const auto listed = [&](const DeploymentFilter& filter) {
    std::vector<std::string> found;
    const auto deployments = store_->deployments(filter);  // outlives the loop
    for (const auto& deployment : *deployments) found.push_back(deployment.id);
    return found;
  };

  EXPECT_THAT(listed({.state = model::DeploymentState::RolledBack}), ElementsAre(first.id));
  EXPECT_THAT(listed({.before_id = third.id}), ElementsAre(second.id, first.id));
  EXPECT_THAT(listed({.state = model::DeploymentState::Queued, .before_id = third.id, .limit = 1}),
              ElementsAre(second.id));
  EXPECT_EQ(store_->queue_stats()->failed, 1);
  EXPECT_EQ(store_->queue_stats()->rolled_back, 1);
}

TEST_P(StoreTest, ListsInstancesAndEventsByWhatTheyAreAbout) {
  accept("hello");
  accept("other");
  auto failed = instance("hello", "i-2");
  failed.phase = model::InstancePhase::Failed;
  failed.revision = 2;
  ASSERT_TRUE(store_->put_instance(instance("hello", "i-1"), kToken));
  ASSERT_TRUE(store_->put_instance(failed, kToken));
  ASSERT_TRUE(store_->put_instance(instance("other", "i-3"), kToken));

  EXPECT_THAT(*store_->instances({.app_id = "hello"}), SizeIs(2));
  EXPECT_THAT(*store_->instances({.revision = 2}), SizeIs(1));
  EXPECT_THAT(*store_->instances({.phase = model::InstancePhase::Failed}), SizeIs(1));
  const auto created = *store_->events({.kind = "app_created"});
  ASSERT_THAT(created, SizeIs(2));
  EXPECT_THAT(*store_->events({.after = created[0].sequence, .kind = "app_created"}), SizeIs(1));
  EXPECT_THAT(*store_->events({.app_id = "other", .kind = "app_created"}), SizeIs(1));
}

TEST_P(StoreTest, GivesAKeyOnceAndKeepsItsAnswer) {
  const IdempotentReply reply{.request_digest = "d",
                              .status = 202,
                              .content_type = "application/json",
                              .location = "/v1/x",
                              .body = "{}"};
  EXPECT_FALSE(*store_->reserve_reply("k", "d"));
  const auto running = *store_->reserve_reply("k", "d");
  ASSERT_TRUE(store_->keep_reply("k", reply));

  reopen();
  const auto kept = *store_->reserve_reply("k", "other");

  ASSERT_TRUE(running);
  EXPECT_EQ(running->status, 0);
  EXPECT_EQ(running->request_digest, "d");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->request_digest, "d") << "the caller compares it";
  EXPECT_EQ(kept->status, 202);
  EXPECT_EQ(kept->location, "/v1/x");
  EXPECT_EQ(kept->body, "{}");
}

TEST_P(StoreTest, TakesAKeyBack) {
  ASSERT_FALSE(*store_->reserve_reply("k", "d"));

  ASSERT_TRUE(store_->keep_reply("k", {.status = 0}));

  EXPECT_FALSE(*store_->reserve_reply("k", "e"));
}

TEST_P(StoreTest, FreesAKeyWhoseRequestDiedAndForgetsAnswersInTime) {
  ASSERT_FALSE(*store_->reserve_reply("died", "d"));
  ASSERT_FALSE(*store_->reserve_reply("kept", "d"));
  ASSERT_TRUE(store_->keep_reply("kept", {.request_digest = "d", .status = 200}));

  clock_.advance(kReservationLife + Millis(1));
  EXPECT_FALSE(*store_->reserve_reply("died", "d"));
  EXPECT_TRUE(*store_->reserve_reply("kept", "d"));
  clock_.advance(kIdempotencyKeyLife);
  EXPECT_FALSE(*store_->reserve_reply("kept", "d"));
}

}  // namespace
}  // namespace pixell::store
