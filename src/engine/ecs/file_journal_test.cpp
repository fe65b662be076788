#include "engine/ecs/file_journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/testing/scratch_state.hpp"

namespace pixell::engine::ecs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

const Step kCreate{.app_id = "hello", .action = "ecs CreateService", .resource = "agent-hello"};
const Step kDelete{
    .app_id = "hello", .action = "elbv2 DeleteTargetGroup", .resource = "arn:aws:tg/1"};
const Step kOther{.app_id = "other", .action = "ecs CreateService", .resource = "agent-other"};

class EcsFileJournal : public ::testing::Test {
 protected:
  fs::path directory() const { return scratch_.path() / "journal"; }
  FileJournal journal() const { return FileJournal(directory(), Log(-1)); }
  engine::testing::ScratchState scratch_;
};

TEST_F(EcsFileJournal, WhatBeganIsThereForTheNextProcessTheOldestFirst) {
  {
    FileJournal before = journal();
    ASSERT_TRUE(before.begin(kDelete));
    ASSERT_TRUE(before.begin(kCreate));
    ASSERT_TRUE(before.begin(kDelete)) << "the same step may begin again";
    ASSERT_TRUE(before.begin(kOther));
  }
  FileJournal after = journal();
  EXPECT_THAT(*after.open("hello"), ElementsAre(kDelete, kCreate));
  EXPECT_THAT(*after.open("other"), ElementsAre(kOther));
}

TEST_F(EcsFileJournal, AnAppWithoutOpenStepsHasNoFile) {
  FileJournal steps = journal();
  ASSERT_TRUE(steps.begin(kCreate));
  ASSERT_TRUE(steps.begin(kDelete));
  ASSERT_TRUE(steps.end(kCreate, "arn:aws:service"));
  EXPECT_THAT(*journal().open("hello"), ElementsAre(kDelete));

  ASSERT_TRUE(steps.end(kDelete, {}));
  ASSERT_TRUE(steps.end(kDelete, {})) << "ending twice is ending once";

  EXPECT_THAT(*journal().open("hello"), IsEmpty());
  EXPECT_TRUE(fs::is_empty(directory()));
}

TEST_F(EcsFileJournal, AStepThatCannotBeWrittenDidNotBegin) {
  std::ofstream(directory()) << "a file where the directory should be";
  FileJournal steps = journal();

  EXPECT_FALSE(steps.begin(kCreate));

  fs::remove(directory());
  EXPECT_THAT(*steps.open("hello"), IsEmpty());
  EXPECT_TRUE(steps.begin(kCreate));
}

TEST_F(EcsFileJournal, AFileThatIsNotUnderstoodIsNamed) {
  ASSERT_TRUE(journal().begin(kCreate));
  for (const char* text : {"{", "{}", "[1]", R"([{"action": 1, "resource": "x"}])"}) {
    std::ofstream(directory() / "hello.json") << text;
    const auto open = journal().open("hello");
    ASSERT_FALSE(open) << text;
    EXPECT_EQ(open.error().code, ErrorCode::DataLoss);
    EXPECT_THAT(open.error().message, HasSubstr("hello.json"));
  }
}

TEST_F(EcsFileJournal, AnAppThatIsNoFileNameIsRefused) {
  EXPECT_FALSE(journal().begin({.app_id = "../x", .action = "a", .resource = "b"}));
}

}  // namespace
}  // namespace pixell::engine::ecs
