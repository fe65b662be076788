#include "engine/local/node/user_ids.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/local/node/limits.hpp"
#include "engine/local/testing/running_node.hpp"

namespace pixell::engine::node {

using ::testing::HasSubstr;
using testing::ScratchState;

namespace {

TEST(UserIds, GivesTheLowestFreeSlot) {
  UserIds ids(1000);
  ids.mark_taken(1);

  EXPECT_EQ(*ids.take(), 0);
  EXPECT_EQ(*ids.take(), 2);
  ids.release(0);
  EXPECT_EQ(*ids.take(), 0);
  EXPECT_EQ(ids.user_of(2), 1002u);
}

TEST(UserIds, RefusesOverTheLimit) {
  UserIds ids({});
  for (int i = 0; i < kMaxInstances; ++i) ids.mark_taken(i);

  EXPECT_EQ(ids.take().error().code, ErrorCode::ResourceExhausted);
}

TEST(UserIds, HasNoUserWithoutOwnUsers) { EXPECT_EQ(UserIds({}).user_of(0), std::nullopt); }

TEST(ChooseUserIds, NeedsRoot) {
  const ScratchState state;

  const auto choice = choose_user_ids(state.path(), 1000);

  EXPECT_FALSE(choice.first);
  EXPECT_THAT(choice.note, HasSubstr("as root"));
}

TEST(ChooseUserIds, NamesTheDirectoryThatIsInTheWay) {
  const ScratchState state;
  const auto inner = state.path() / "closed" / "state";
  std::filesystem::create_directories(inner);
  ASSERT_EQ(::chmod((state.path() / "closed").c_str(), 0700), 0);

  const auto choice = choose_user_ids(inner, 0);

  EXPECT_FALSE(choice.first);
  EXPECT_THAT(choice.note, HasSubstr((state.path() / "closed").string() + ";"));
}

TEST(ChooseUserIds, StaysInTheBlockOfTheInstallation) {
  const ScratchState state;

  const auto choice = choose_user_ids(state.path(), 0);

  ASSERT_TRUE(choice.first) << choice.note;
  EXPECT_GE(*choice.first, kFirstUserId);
  EXPECT_LT(*choice.first, kFirstUserId + kUserIdBlocks * unsigned(kMaxInstances));
  EXPECT_EQ(choice.first, choose_user_ids(state.path(), 0).first);
}

}  // namespace
}  // namespace pixell::engine::node
