#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing/conformance.hpp"

// What every backend must do for a reconciler: instances, routes, the journal of steps, the lease.

namespace pixell::store {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

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

  EXPECT_THAT(*store_->instances({.app_id = "hello"}), SizeIs(1));
  EXPECT_THAT(*store_->instances({}), SizeIs(1));
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

}  // namespace
}  // namespace pixell::store
