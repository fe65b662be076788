#include "store/sqlite/sqlite_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/ids.hpp"
#include "base/testing/fake_clock.hpp"
#include "store/sqlite/database.hpp"

namespace pixell::store {
namespace {

using ::testing::HasSubstr;

class SqliteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  unsigned mode_of(const std::filesystem::path& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 0777;
  }

  FakeClock clock_;
  std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("sqlite-" + new_ulid(0));
  std::filesystem::path path_ = directory_ / "state" / "pixell.db";
};

TEST_F(SqliteStoreTest, KeepsItsFilesPrivate) {
  auto store = make_sqlite_store(path_, clock_);
  ASSERT_TRUE(store) << store.error().detail;

  EXPECT_EQ(mode_of(path_), 0600u);
  EXPECT_EQ(mode_of(path_.parent_path()), 0700u);
  EXPECT_EQ(mode_of(path_.string() + "-wal"), 0600u);
}

TEST_F(SqliteStoreTest, NamesAFileThatIsNoDatabase) {
  std::filesystem::create_directory(directory_ / "state");
  std::ofstream(path_) << std::string(8192, 'x');

  const auto store = make_sqlite_store(path_, clock_);

  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::DataLoss);
  EXPECT_THAT(store.error().message, HasSubstr(path_.string()));
}

TEST_F(SqliteStoreTest, SaysWhenTheDiskIsFullAndGoesOnReading) {
  auto store = make_sqlite_store(path_, clock_, {.max_bytes = 400 * 1024});
  ASSERT_TRUE(store) << store.error().detail;
  Result<AcceptedDeployment> last = make_error(ErrorCode::Unknown, "none");
  for (int i = 0; i < 200; ++i) {
    last =
        (*store)->accept_deployment({.app_id = "hello", .release_notes = std::string(8'000, 'n')});
    if (!last) break;
  }

  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::ResourceExhausted);
  EXPECT_THAT(last.error().message, HasSubstr("full"));
  EXPECT_TRUE((*store)->app("hello"));
  EXPECT_TRUE((*store)->verify_events());
}

TEST_F(SqliteStoreTest, SaysWhenAnotherProcessHoldsTheLock) {
  auto store = make_sqlite_store(path_, clock_, {.busy_timeout = Millis(1)});
  ASSERT_TRUE(store);
  auto other = Database::open(path_, 1, kMaxDatabaseBytes);
  ASSERT_TRUE(other);
  auto held = Transaction::begin(**other);
  ASSERT_TRUE(held);

  const auto refused = (*store)->accept_deployment({.app_id = "hello"});

  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(refused.error().retry, Retry::Later);
  EXPECT_THAT(refused.error().message, HasSubstr("locked"));
}

TEST_F(SqliteStoreTest, KeepsEveryWriteThatReturnedBeforeItsProcessWasKilled) {
  const pid_t writer = ::fork();
  if (writer == 0) {
    auto store = make_sqlite_store(path_, clock_);
    const bool is_written =
        store && (*store)->accept_deployment({.app_id = "hello"}) &&
        (*store)->begin_step({.key = "noted", .app_id = "hello", .kind = "k"}, 1);
    ::kill(::getpid(), is_written ? SIGKILL : SIGABRT);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(writer, &status, 0), writer);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;

  const auto store = make_sqlite_store(path_, clock_);

  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE((*store)->app("hello"));
  EXPECT_EQ((*store)->open_steps()->size(), 1u);
  EXPECT_TRUE((*store)->verify_events());
}

TEST_F(SqliteStoreTest, KeepsEventsAppendOnly) {
  auto store = make_sqlite_store(path_, clock_);
  ASSERT_TRUE((*store)->accept_deployment({.app_id = "hello"}));
  auto database = Database::open(path_, 1'000, kMaxDatabaseBytes);

  EXPECT_FALSE((*database)->execute("UPDATE events SET kind = 'x'"));
  EXPECT_FALSE((*database)->execute("DELETE FROM events"));
}

TEST_F(SqliteStoreTest, NoticesAnEventThatWasChanged) {
  auto store = make_sqlite_store(path_, clock_);
  ASSERT_TRUE((*store)->accept_deployment({.app_id = "hello"}));
  auto database = Database::open(path_, 1'000, kMaxDatabaseBytes);
  ASSERT_TRUE((*database)->execute(
      "DROP TRIGGER events_stay; UPDATE events SET detail_json = '{}' WHERE sequence = 1"));

  const auto verified = (*store)->verify_events();

  EXPECT_EQ(verified.error().code, ErrorCode::DataLoss);
  EXPECT_THAT(verified.error().message, HasSubstr("event 1"));
}

}  // namespace
}  // namespace pixell::store
