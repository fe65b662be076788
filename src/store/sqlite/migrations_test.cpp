#include "store/sqlite/migrations.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/ids.hpp"
#include "base/testing/fake_clock.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/populated.hpp"
#include "store/testing/sql_dump.hpp"

// testing/schema_v<N>.sql is what version N of the program wrote for the story of populated.hpp.
// A released one never changes; PIXELL_WRITE_FIXTURE=1 writes that of the newest version.

namespace pixell::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

fs::path fixture_of(int version) {
  return fs::path(PIXELL_STORE_FIXTURES) / fmt::format("schema_v{}.sql", version);
}

std::string read_fixture(int version) {
  std::ostringstream text;
  text << std::ifstream(fixture_of(version)).rdbuf();
  return text.str();
}

class MigrationsTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  // A database as version `version` left it.
  fs::path load(int version) {
    const fs::path path = directory_ / fmt::format("v{}.db", version);
    auto database = Database::open(path, 1'000, kMaxDatabaseBytes);
    EXPECT_TRUE(database);
    const auto loaded = (*database)->execute(read_fixture(version));
    EXPECT_TRUE(loaded) << loaded.error().detail;
    return path;
  }

  FakeClock clock_{1'700'000'060'000};  // a minute after the story begins
  fs::path directory_ = fs::temp_directory_path() / ("migrations-" + new_ulid(0));
};

TEST_F(MigrationsTest, HaveAPopulatedDatabaseOfEveryVersion) {
  const int newest = newest_schema_version();
  if (std::getenv("PIXELL_WRITE_FIXTURE") != nullptr) {
    FakeClock clock;
    auto store = make_sqlite_store(directory_ / "new.db", clock);
    ASSERT_TRUE(store);
    populate(**store, clock);
    const auto dumped = dump_sql(directory_ / "new.db");
    ASSERT_TRUE(dumped) << dumped.error().message;
    std::ofstream(fixture_of(newest)) << *dumped;
  }

  for (int version = 1; version <= newest; ++version)
    EXPECT_TRUE(fs::exists(fixture_of(version)))
        << fixture_of(version) << " is missing: run this test once with PIXELL_WRITE_FIXTURE=1";
}

TEST_F(MigrationsTest, KeepEveryRowOfEveryVersion) {
  for (int version = 1; version <= newest_schema_version(); ++version) {
    SCOPED_TRACE(version);
    const fs::path path = load(version);

    auto store = make_sqlite_store(path, clock_);

    ASSERT_TRUE(store) << store.error().message << store.error().detail;
    expect_populated(**store, version);
    EXPECT_TRUE((*store)->accept_deployment({.app_id = "later"}));
  }
}

TEST_F(MigrationsTest, LeadToTheSchemaOfANewDatabase) {
  ASSERT_TRUE(make_sqlite_store(directory_ / "new.db", clock_));
  const auto columns = list_columns(directory_ / "new.db");
  ASSERT_TRUE(columns) << columns.error().message;

  for (int version = 1; version <= newest_schema_version(); ++version) {
    SCOPED_TRACE(version);
    const fs::path path = load(version);
    ASSERT_TRUE(make_sqlite_store(path, clock_));
    EXPECT_EQ(*list_columns(path), *columns);
  }
}

TEST_F(MigrationsTest, LeaveTheVersionBeforeWhenInterrupted) {
  for (int version = 1; version < newest_schema_version(); ++version) {
    SCOPED_TRACE(version);
    const fs::path path = load(version);
    const auto before = dump_sql(path);
    ASSERT_TRUE(before);
    {
      auto database = Database::open(path, 1'000, kMaxDatabaseBytes);
      ASSERT_TRUE(database);
      const std::string script = migration_script(version + 1) + "SELECT no_such_function();";
      EXPECT_FALSE(apply_migration(**database, {.version = version + 1, .script = script}, 0));
    }

    EXPECT_EQ(*dump_sql(path), *before);

    auto store = make_sqlite_store(path, clock_);
    ASSERT_TRUE(store) << store.error().detail;
    expect_populated(**store, version);
  }
}

TEST_F(MigrationsTest, RefuseADatabaseOfANewerProgramAndLeaveItAlone) {
  const fs::path path = directory_ / "new.db";
  ASSERT_TRUE(make_sqlite_store(path, clock_));
  {
    auto database = Database::open(path, 1'000, kMaxDatabaseBytes);
    ASSERT_TRUE((*database)->execute("INSERT INTO schema_version VALUES (9999, 0)"));
  }
  const auto before = dump_sql(path);
  ASSERT_TRUE(before);

  const auto store = make_sqlite_store(path, clock_);

  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(store.error().message, HasSubstr("9999"));
  EXPECT_THAT(store.error().message, HasSubstr("start the newer program"));
  EXPECT_EQ(*dump_sql(path), *before);
}

}  // namespace
}  // namespace pixell::store
