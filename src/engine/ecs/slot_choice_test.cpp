#include "engine/ecs/slot_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pixell::engine::ecs {
namespace {

struct Choice {
  const char* what;
  SlotUses uses;
  Slot slot;
};

class EcsSlotChoice : public ::testing::TestWithParam<Choice> {};

TEST_P(EcsSlotChoice, OfRevisionSeven) {
  const auto slot = choose_slot("hello", 7, GetParam().uses);
  ASSERT_TRUE(slot) << slot.error().message;
  EXPECT_EQ(*slot, GetParam().slot) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Table, EcsSlotChoice,
    ::testing::Values(
        Choice{"the first of an app", {}, Slot::A},
        Choice{"where it runs",
               {{{.revision = 6, .wanted = 1}, {.revision = 7, .wanted = 2}}},
               Slot::B},
        Choice{"beside the one that runs", {{{.revision = 6, .wanted = 1}, {}}}, Slot::B},
        Choice{"where it was",
               {{{.revision = 6, .wanted = 0}, {.revision = 7, .wanted = 0}}},
               Slot::B},
        Choice{"an unused one before a used one", {{{.revision = 6, .wanted = 0}, {}}}, Slot::B},
        Choice{"where it runs, not where it was as well",
               {{{.revision = 7, .wanted = 0}, {.revision = 7, .wanted = 1}}},
               Slot::B},
        Choice{"a used one that is free",
               {{{.revision = 5, .wanted = 0}, {.revision = 6, .wanted = 1}}},
               Slot::A}));

TEST(EcsSlotChoiceRefusal, TellsWhoIsThereAndWhatToDo) {
  const auto slot =
      choose_slot("hello", 7, {{{.revision = 5, .wanted = 1}, {.revision = 6, .wanted = 1}}});
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(slot.error().retry, Retry::Later);
  for (const char* word : {"hello", "revision 7", "5 and 6", "is stopped"})
    EXPECT_THAT(slot.error().message, ::testing::HasSubstr(word));
}

}  // namespace
}  // namespace pixell::engine::ecs
