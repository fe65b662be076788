// What becomes of an instance that AWS will not start.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ecs/testing/ecs_world.hpp"

namespace pixell::engine::ecs {
namespace {

using model::Cause;
using model::InstancePhase;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using EcsRefusal = EcsWorld;

TEST_F(EcsRefusal, WhatAwsNeverStartsIsNotKept) {
  InstanceSpec bad = spec("01A");
  bad.package_url = "ftp://somewhere";

  const auto refused = engine().ensure(bad);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(EcsRefusal, WhereThereIsNoRoomItSaysWhyAndDoesNotWait) {
  cloud.refused["CreateService"] = "LimitExceededException";

  const auto refused = engine().ensure(spec("01A"));

  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_EQ(refused->phase, InstancePhase::Failed);
  EXPECT_EQ(refused->started_at, 0);
  ASSERT_TRUE(refused->boot_report && refused->boot_report->failure);
  EXPECT_EQ(refused->boot_report->failure->cause, Cause::EngineFailed);
  EXPECT_THAT(refused->boot_report->failure->message, HasSubstr("LimitExceededException"));
  EXPECT_THAT(look(), IsEmpty());
}

// Else who saw it would miss it a moment later, and that would be all that is told of why.
TEST_F(EcsRefusal, WhatAwsNeverStartsIsAtNoTimeInTheList) {
  look();
  cloud.refused["CreateService"] = "AccessDeniedException";
  int calls = 0;
  std::size_t listed = 0;
  cloud.on_call = [&](const std::string&) {
    ++calls;
    const auto seen = engine().list();
    ASSERT_TRUE(seen);
    listed += seen->size();
  };

  EXPECT_FALSE(engine().ensure(spec("01A")));
  EXPECT_GT(calls, 0);
  EXPECT_EQ(listed, 0U);

  cloud.on_call = {};
  cloud.refused.clear();
  cloud.is_down = true;
  EXPECT_FALSE(engine().ensure(spec("01B"))) << "it may start later: it is kept, and listed";
  EXPECT_THAT(*engine().list(), SizeIs(1));
}

}  // namespace
}  // namespace pixell::engine::ecs
