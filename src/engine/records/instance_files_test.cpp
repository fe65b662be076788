#include "engine/records/instance_files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"
#include "engine/testing/scratch_state.hpp"

namespace pixell::engine {

using testing::fake_par_spec;
using testing::ScratchState;

namespace {

class InstanceFilesTest : public ::testing::Test {
 protected:
  InstanceFilesTest() { EXPECT_TRUE(files_.make_directories({})); }
  void put(const char* name, const std::string& content) {
    ASSERT_TRUE(write_file_atomically(files_.directory() / name, content));
  }

  ScratchState scratch_;
  InstanceFiles files_{scratch_.path() / "one"};
};

TEST_F(InstanceFilesTest, TakesAbsentRecordsForNone) {
  EXPECT_FALSE(files_.read_spec()->has_value());
  EXPECT_FALSE(files_.read_process()->has_value());
  EXPECT_FALSE(files_.read_stop()->has_value());
  EXPECT_FALSE(files_.read_exit()->has_value());
  EXPECT_FALSE(files_.read_state()->has_value());
  EXPECT_FALSE(files_.read_boot_report()->has_value());
}

TEST_F(InstanceFilesTest, ReadsBackWhatItWrote) {
  const InstanceSpec spec = fake_par_spec("one");
  ASSERT_TRUE(files_.write_spec({.spec = spec, .slot = 7, .recorded_at = 5}));
  ASSERT_TRUE(files_.write_process(
      {.identity = {.pid = 12, .start_time = 34, .boot_id = "b"}, .started_at = 56}));
  ASSERT_TRUE(files_.write_stop({.requested_at = 1, .deadline = 2}));
  ASSERT_TRUE(files_.write_exit(
      {.code = 13,
       .signal = 0,
       .at = 9,
       .failure = model::make_failure(model::Cause::MissingModule, "no numpy", {"line"})}));

  EXPECT_EQ((*files_.read_spec())->spec, spec);
  EXPECT_EQ((*files_.read_spec())->slot, 7);
  EXPECT_EQ((*files_.read_process())->identity,
            (ProcessIdentity{.pid = 12, .start_time = 34, .boot_id = "b"}));
  EXPECT_EQ((*files_.read_process())->started_at, 56);
  EXPECT_EQ((*files_.read_stop())->deadline, 2);
  const auto exit = files_.read_exit();
  EXPECT_EQ((*exit)->code, 13);
  EXPECT_EQ((*exit)->failure->cause, model::Cause::MissingModule);
}

TEST_F(InstanceFilesTest, ReadsTheStateOfPar) {
  put("state.json", R"({"phase":"ready","ready":true,"at":1700000000000,"more":[]})");

  const auto state = files_.read_state();

  EXPECT_EQ((*state)->phase, "ready");
  EXPECT_TRUE((*state)->ready);
}

TEST_F(InstanceFilesTest, ReportsWhatItCannotUnderstand) {
  for (const char* broken : {"", "{", "[]", "{}", R"({"code":"x","phase":1,"spec":3,"pid":"p"})"}) {
    put("exit.json", broken);
    put("state.json", broken);
    put("spec.json", broken);
    put("process.json", broken);

    EXPECT_EQ(files_.read_exit().error().code, ErrorCode::DataLoss) << broken;
    EXPECT_EQ(files_.read_state().error().code, ErrorCode::DataLoss) << broken;
    EXPECT_EQ(files_.read_spec().error().code, ErrorCode::DataLoss) << broken;
    EXPECT_EQ(files_.read_process().error().code, ErrorCode::DataLoss) << broken;
  }
}

TEST_F(InstanceFilesTest, ForgetsTheLastRunButNotTheSpec) {
  ASSERT_TRUE(files_.write_spec({.spec = fake_par_spec("one"), .slot = 0, .recorded_at = 5}));
  put("exit.json", R"({"code":1})");
  put("state.json", R"({"phase":"ready"})");

  files_.forget_last_run();

  EXPECT_FALSE(files_.read_exit()->has_value());
  EXPECT_FALSE(files_.read_state()->has_value());
  EXPECT_TRUE(files_.read_spec()->has_value());
}

TEST_F(InstanceFilesTest, RefusesALinkInPlaceOfAnOwnDirectory) {
  std::filesystem::remove(files_.directory() / "work");
  std::filesystem::create_directory_symlink("/etc", files_.directory() / "work");

  EXPECT_EQ(files_.make_directories({}).error().code, ErrorCode::FailedPrecondition);
}

TEST_F(InstanceFilesTest, OpensTheDirectoryToNobodyWithoutAUser) {
  struct stat found {};
  ASSERT_EQ(::stat(files_.directory().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat((files_.directory() / "work").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(InstanceFilesTest, OpensTheDirectoryToItsUsersGroupForPassageOnly) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give directories away";
  ASSERT_TRUE(files_.make_directories(uid_t{200'000}));

  struct stat found {};
  ASSERT_EQ(::stat(files_.directory().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0710u);
  EXPECT_EQ(found.st_uid, ::geteuid());
  EXPECT_EQ(found.st_gid, 200'000u);
}

}  // namespace
}  // namespace pixell::engine
