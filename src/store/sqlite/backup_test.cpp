#include "store/sqlite/backup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "base/ids.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/populated.hpp"

namespace pixell::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  FakeClock clock_;
  fs::path directory_ = fs::temp_directory_path() / ("backup-" + new_ulid(0));
  fs::path path_ = directory_ / "pixell.db";
  fs::path copy_ = directory_ / "copy.db";
};

TEST_F(BackupTest, CopiesEveryRowOfADatabaseInUse) {
  const auto store = make_sqlite_store(path_, clock_);
  ASSERT_TRUE(store);
  populate(**store, clock_);

  const auto facts = copy_database(path_, copy_);

  ASSERT_TRUE(facts) << facts.error().message << facts.error().detail;
  EXPECT_EQ(facts->schema_version, newest_schema_version());
  EXPECT_THAT(facts->packages, ElementsAre(std::string(64, 'a'), std::string(64, 'b')));
  EXPECT_FALSE(fs::exists(copy_.string() + "-wal"));
  const auto copied = make_sqlite_store(copy_, clock_);
  ASSERT_TRUE(copied);
  expect_populated(**copied, newest_schema_version());
}

TEST_F(BackupTest, IsOfOneMomentWhileOthersWrite) {
  const auto store = make_sqlite_store(path_, clock_);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->accept_deployment({.app_id = "hello"}));
  std::atomic<bool> is_over = false;
  std::jthread writer([&] {
    while (!is_over) EXPECT_TRUE((*store)->accept_deployment({.app_id = "hello"}));
  });

  for (int i = 0; i < 5; ++i) {
    fs::remove(copy_);
    const auto facts = copy_database(path_, copy_);
    ASSERT_TRUE(facts) << facts.error().message << facts.error().detail;
    const auto copied = make_sqlite_store(copy_, clock_);
    ASSERT_TRUE(copied);
    EXPECT_TRUE((*copied)->verify_events());
  }
  is_over = true;
}

TEST_F(BackupTest, NamesADatabaseThatIsNotThere) {
  EXPECT_EQ(copy_database(path_, copy_).error().code, ErrorCode::NotFound);
  EXPECT_EQ(check_database(path_).error().code, ErrorCode::NotFound);
  EXPECT_EQ(fold_log(path_).error().code, ErrorCode::NotFound);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(BackupTest, RefusesWhatIsNoDatabaseOfPixell) {
  std::ofstream(path_) << std::string(8'192, 'x');
  EXPECT_EQ(check_database(path_).error().code, ErrorCode::DataLoss);

  ASSERT_TRUE((*Database::open(copy_, 1'000, kMaxDatabaseBytes))->execute("CREATE TABLE t (x)"));
  EXPECT_EQ(check_database(copy_).error().code, ErrorCode::FailedPrecondition);
}

TEST_F(BackupTest, FindsDamage) {
  {
    const auto store = make_sqlite_store(path_, clock_);
    populate(**store, clock_);
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(20 * 4'096);
  file << std::string(4'096, '\xff');
  file.close();

  EXPECT_EQ(check_database(path_).error().code, ErrorCode::DataLoss);
  EXPECT_EQ(copy_database(path_, copy_).error().code, ErrorCode::DataLoss);
}

TEST_F(BackupTest, FindsRowsThatReferToNothing) {
  {
    const auto store = make_sqlite_store(path_, clock_);
    populate(**store, clock_);
  }
  ASSERT_TRUE((*Database::open(path_, 1'000, kMaxDatabaseBytes))
                  ->execute("PRAGMA foreign_keys=OFF; DELETE FROM packages"));

  EXPECT_EQ(check_database(path_).error().code, ErrorCode::DataLoss);
}

TEST_F(BackupTest, RefusesTheSchemaOfANewerProgram) {
  ASSERT_TRUE(make_sqlite_store(path_, clock_));
  ASSERT_TRUE((*Database::open(path_, 1'000, kMaxDatabaseBytes))
                  ->execute("INSERT INTO schema_version VALUES (9999, 0)"));

  const auto facts = check_database(path_);

  EXPECT_EQ(facts.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(facts.error().message, HasSubstr("9999"));
}

TEST_F(BackupTest, FoldsTheLogIntoTheFile) {
  const auto store = make_sqlite_store(path_, clock_);
  populate(**store, clock_);
  const auto before = fs::file_size(path_ += "-wal");
  path_ = directory_ / "pixell.db";

  ASSERT_TRUE(fold_log(path_));

  EXPECT_GT(before, 0u);
  EXPECT_EQ(fs::file_size(path_.string() + "-wal"), 0u);
}

}  // namespace
}  // namespace pixell::store
