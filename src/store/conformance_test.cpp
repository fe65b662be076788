#include "store/testing/conformance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "store/sqlite/sqlite_store.hpp"

// What every backend must do as a whole: keep, tell of changes, chain its events. A backend is one
// row of the list below; the conformance_*_test.cpp beside this run on the same list.

namespace pixell::store {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

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

  const auto events = store_->events({.limit = 100});

  ASSERT_TRUE(events);
  ASSERT_GE(events->size(), 4u);
  EXPECT_EQ(events->front().kind, "app_created");
  EXPECT_EQ((*events)[1].kind, "deployment_accepted");
  EXPECT_TRUE(store_->verify_events());
  EXPECT_THAT(*store_->events({.after = events->back().sequence}), IsEmpty());
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
