#include "engine/ecs/installation.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/fake_clock.hpp"
#include "engine/testing/scratch_state.hpp"

namespace pixell::engine::ecs {
namespace {

class EcsInstallation : public ::testing::Test {
 protected:
  Result<std::string> ensure() { return ensure_installation(state_.path(), settings_, clock_); }

  FakeClock clock_;
  Settings settings_;
  engine::testing::ScratchState state_;
};

TEST_F(EcsInstallation, IsMadeOnceAndKept) {
  EXPECT_EQ(find_installation(state_.path(), settings_).error().code, ErrorCode::NotFound);

  const auto first = ensure();

  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(is_installation(*first)) << *first;
  EXPECT_EQ(*ensure(), *first);
  EXPECT_EQ(*find_installation(state_.path(), settings_), *first);
}

TEST_F(EcsInstallation, IsAnotherInEachStateDirectory) {
  const engine::testing::ScratchState other;

  EXPECT_NE(*ensure(), *ensure_installation(other.path(), settings_, clock_));
}

TEST_F(EcsInstallation, IsWhatTheSettingSaysWhereThereIsNone) {
  settings_.installation = "production";
  ASSERT_EQ(*ensure(), "production");
  settings_.installation.clear();

  EXPECT_EQ(*ensure(), "production");
}

TEST_F(EcsInstallation, IsNotChangedBelowItsServices) {
  settings_.installation = "production";
  ASSERT_TRUE(ensure());
  settings_.installation = "staging";

  EXPECT_EQ(ensure().error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(ensure().error().message,
            "PAC_ECS_INSTALLATION=staging: this state directory is that of production; give that, "
            "or nothing");
}

TEST_F(EcsInstallation, ThatCannotBeReadIsNotMadeAnew) {
  ASSERT_TRUE(ensure());
  std::ofstream(state_.path() / "ecs" / "installation") << "* ?";

  EXPECT_EQ(ensure().error().code, ErrorCode::DataLoss);
}

}  // namespace
}  // namespace pixell::engine::ecs
