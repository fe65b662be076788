#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/testing/conformance.hpp"

// What every backend must do with apps as a whole, their revisions and packages.

namespace pixell::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

template <class Row>
std::vector<std::string> ids(const std::vector<Row>& rows) {
  std::vector<std::string> found;
  for (const Row& row : rows) found.push_back(row.id);
  return found;
}

/// Ends a deployment of a recorded revision, which gets all traffic.
model::Deployment complete(Store& store, RecordedRevision recorded) {
  recorded.deployment.state = model::DeploymentState::Completed;
  const auto traffic =
      model::all_to(store.app(recorded.deployment.app_id)->traffic, recorded.revision.number);
  auto completed = store.complete_deployment(recorded.deployment, traffic, 3);
  EXPECT_TRUE(completed);
  return *completed;
}

TEST_P(StoreTest, ChangesTrafficAndSettingsOfTheGenerationThatWasSeen) {
  complete(*store_, with_revision("hello"));
  const auto seen = store_->app("hello")->generation;
  const model::AppSettings settings{
      .instances = 3,
      .warm_revisions = 0,
      .warm_seconds = 7,
      .scaling = model::Scaling{.min_instances = 2, .max_instances = 5, .percent = 60}};
  model::Traffic traffic = store_->app("hello")->traffic;
  traffic.is_pinned = true;
  traffic.sticky = {.by = model::StickyBy::Header, .name = "x-user"};

  const auto changed = store_->update_app("hello", &traffic, &settings, seen);
  const auto stale = store_->update_app("hello", nullptr, &settings, seen);

  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_GT(changed->generation, seen);
  EXPECT_EQ(store_->app("hello")->traffic, traffic);
  EXPECT_EQ(store_->app("hello")->settings, settings);
  EXPECT_EQ(stale.error().code, ErrorCode::Aborted);
}

TEST_P(StoreTest, LeavesWhatAnUpdateDoesNotName) {
  complete(*store_, with_revision("hello"));
  const auto before = *store_->app("hello");
  const model::AppSettings settings{.instances = 2};

  ASSERT_TRUE(store_->update_app("hello", nullptr, &settings, std::nullopt));

  EXPECT_EQ(store_->app("hello")->traffic, before.traffic);
  EXPECT_EQ(store_->app("hello")->settings.instances, 2);
}

TEST_P(StoreTest, RefusesTrafficForRevisionsThatAreNotThereAndDuringARollout) {
  complete(*store_, with_revision("hello"));
  const auto unknown = model::all_to({}, 9);
  const auto known = model::all_to({}, 1);

  EXPECT_EQ(store_->update_app("hello", &unknown, nullptr, {}).error().code, ErrorCode::NotFound);
  accept("hello");
  EXPECT_EQ(store_->update_app("hello", &known, nullptr, {}).error().code,
            ErrorCode::FailedPrecondition);
  const model::AppSettings settings{.instances = 2};
  EXPECT_TRUE(store_->update_app("hello", nullptr, &settings, {})) << "settings may change";
  EXPECT_EQ(store_->update_app("none", nullptr, &settings, {}).error().code, ErrorCode::NotFound);
}

TEST_P(StoreTest, RetiresARevisionThatLosesItsLastShareAndTakesItBack) {
  complete(*store_, with_revision("hello", 'a'));
  complete(*store_, with_revision("hello", 'b'));
  EXPECT_EQ(store_->revision("hello", 1)->retired_at, clock_.unix_now());
  EXPECT_EQ(store_->revision("hello", 2)->retired_at, 0);
  clock_.advance(Millis(5'000));
  const auto back = model::all_to({}, 1);

  ASSERT_TRUE(store_->update_app("hello", &back, nullptr, {}));

  EXPECT_EQ(store_->revision("hello", 1)->retired_at, 0);
  EXPECT_EQ(store_->revision("hello", 2)->retired_at, clock_.unix_now());
  EXPECT_THAT(*store_->revisions({.app_id = "hello", .only_retired = true}), SizeIs(1));
}

TEST_P(StoreTest, RetiresARevisionThatGotNoTrafficWhenItsDeploymentCompleted) {
  complete(*store_, with_revision("hello", 'a'));
  auto recorded = with_revision("hello", 'b');
  recorded.deployment.state = model::DeploymentState::Completed;
  recorded.deployment.completed_at = clock_.unix_now() - 7;

  ASSERT_TRUE(store_->complete_deployment(recorded.deployment, store_->app("hello")->traffic, 3));

  EXPECT_EQ(store_->revision("hello", 2)->retired_at, recorded.deployment.completed_at);
  EXPECT_EQ(store_->revision("hello", 1)->retired_at, 0);
}

TEST_P(StoreTest, ForgetsAnAppInTwoSteps) {
  complete(*store_, with_revision("hello", 'a'));
  complete(*store_, with_revision("hello", 'b'));
  complete(*store_, with_revision("other", 'b'));
  ASSERT_TRUE(store_->put_instance(instance("hello", "i-1"), kToken));
  EXPECT_EQ(store_->remove_app("hello", kToken).error().code, ErrorCode::FailedPrecondition);

  const auto deleted = store_->delete_app("hello", store_->app("hello")->generation);
  const auto again = store_->delete_app("hello", std::nullopt);
  const auto busy = store_->remove_app("hello", kToken);
  ASSERT_TRUE(store_->remove_instance("i-1", kToken));
  const auto removed = store_->remove_app("hello", kToken);

  EXPECT_TRUE(deleted->is_deleting);
  EXPECT_EQ(again->generation, deleted->generation) << "again changes nothing";
  EXPECT_EQ(busy.error().code, ErrorCode::FailedPrecondition) << "it has instances";
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_THAT(*removed, ElementsAre(std::string(64, 'a'))) << "the other app has the other one";
  EXPECT_EQ(store_->app("hello").error().code, ErrorCode::NotFound);
  EXPECT_THAT(*store_->deployments({.app_id = "hello"}), IsEmpty());
  EXPECT_THAT(*store_->revisions({.app_id = "hello"}), IsEmpty());
  EXPECT_FALSE(store_->events({.app_id = "hello"})->empty()) << "its history stays";
  EXPECT_THAT(*store_->remove_app("hello", kToken), IsEmpty()) << "again is success";
  EXPECT_TRUE(store_->verify_events());
}

TEST_P(StoreTest, NothingIsChangedInAnAppThatIsBeingDeleted) {
  complete(*store_, with_revision("hello"));
  EXPECT_EQ(store_->delete_app("hello", 0).error().code, ErrorCode::Aborted);
  ASSERT_TRUE(store_->delete_app("hello", std::nullopt));
  const model::AppSettings settings;

  EXPECT_EQ(store_->update_app("hello", nullptr, &settings, {}).error().code,
            ErrorCode::FailedPrecondition);
  EXPECT_EQ(store_->accept_deployment({.app_id = "hello"}).error().code,
            ErrorCode::FailedPrecondition);
  EXPECT_EQ(store_->add_package(package("hello", 'c'), false).error().code,
            ErrorCode::FailedPrecondition);
}

TEST_P(StoreTest, ForgetsARevisionThatNothingRefersTo) {
  complete(*store_, with_revision("hello", 'a'));
  complete(*store_, with_revision("hello", 'b'));
  const auto tagged = model::with_tag(store_->app("hello")->traffic, 1, "old");
  ASSERT_TRUE(store_->update_app("hello", &tagged, nullptr, {}));
  EXPECT_EQ(store_->remove_revision("hello", 1).error().code, ErrorCode::FailedPrecondition);
  const auto untagged = model::all_to({}, 2);
  ASSERT_TRUE(store_->update_app("hello", &untagged, nullptr, {}));

  EXPECT_EQ(store_->remove_revision("hello", 2).error().code, ErrorCode::FailedPrecondition);
  ASSERT_TRUE(store_->remove_revision("hello", 1));

  EXPECT_EQ(store_->revision("hello", 1).error().code, ErrorCode::NotFound);
  EXPECT_EQ(store_->remove_revision("hello", 1).error().code, ErrorCode::NotFound);
}

TEST_P(StoreTest, KeepsARevisionThatIsBeingDeployed) {
  complete(*store_, with_revision("hello", 'a'));
  complete(*store_, with_revision("hello", 'b'));
  const auto accepted = store_->accept_deployment({.app_id = "hello", .revision = 1});
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->deployment.package_sha256, std::string(64, 'a'));

  EXPECT_EQ(store_->remove_revision("hello", 1).error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(store_->accept_deployment({.app_id = "hello", .revision = 9}).error().code,
            ErrorCode::NotFound);
}

TEST_P(StoreTest, KeepsPackagesWithoutDeployingThem) {
  const auto added = store_->add_package(package("hello"), true);
  ASSERT_TRUE(added) << added.error().message;
  auto same_version = package("hello", 'b');

  EXPECT_EQ(store_->add_package(package("hello"), true)->id, added->id) << "the same content";
  EXPECT_EQ(store_->add_package(same_version, true).error().code, ErrorCode::AlreadyExists);
  EXPECT_TRUE(store_->add_package(same_version, false));
  EXPECT_EQ(store_->package("hello", added->id)->sha256, added->sha256);
  EXPECT_TRUE(store_->app("hello")->traffic.legs.empty());
}

TEST_P(StoreTest, ForgetsAPackageThatNothingIsMadeOf) {
  ASSERT_TRUE(store_->add_package(package("hello"), false));
  ASSERT_TRUE(store_->add_package(package("other"), false));
  const std::string sha256(64, 'a');

  EXPECT_FALSE(*store_->remove_package("hello", sha256)) << "the other app has the same content";
  EXPECT_TRUE(*store_->remove_package("other", sha256));
  EXPECT_EQ(store_->remove_package("other", sha256).error().code, ErrorCode::NotFound);
}

TEST_P(StoreTest, KeepsAPackageThatIsUsed) {
  with_revision("hello", 'a');
  ASSERT_TRUE(store_->accept_deployment({.app_id = "hello", .package = package("hello", 'b')}));

  for (const char digit : {'a', 'b'}) {
    const auto refused = store_->remove_package("hello", std::string(64, digit));
    EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition) << digit;
    EXPECT_THAT(refused.error().message, HasSubstr("remove those first"));
  }
}

TEST_P(StoreTest, ListsPageAfterPage) {
  for (const char* app : {"a", "b", "c"}) accept(app);
  ASSERT_TRUE(store_->accept_deployment({.org = "acme", .app_id = "d"}));
  for (const char digit : {'a', 'b', 'c'})
    ASSERT_TRUE(store_->add_package(package("a", digit), false));
  for (const char* id : {"i-1", "i-2", "i-3"})
    ASSERT_TRUE(store_->put_instance(instance("a", id), kToken));
  const auto packages = ids(*store_->packages({.app_id = "a"}));
  ASSERT_THAT(packages, SizeIs(3));

  EXPECT_THAT(ids(*store_->apps({.after_id = "a", .limit = 2})), ElementsAre("b", "c"));
  EXPECT_THAT(ids(*store_->apps({.org = "acme"})), ElementsAre("d"));
  EXPECT_THAT(ids(*store_->packages({.app_id = "a", .before_id = packages[0]})),
              ElementsAre(packages[1], packages[2]));
  EXPECT_THAT(ids(*store_->instances({.after_id = "i-1", .limit = 1})), ElementsAre("i-2"));
}

TEST_P(StoreTest, GoesOnBehindARowThatIsGone) {
  accept("a");
  for (const char* id : {"i-1", "i-2", "i-3"})
    ASSERT_TRUE(store_->put_instance(instance("a", id), kToken));
  ASSERT_TRUE(store_->remove_instance("i-2", kToken));

  EXPECT_THAT(ids(*store_->instances({.after_id = "i-2"})), ElementsAre("i-3"));
}

}  // namespace
}  // namespace pixell::store
