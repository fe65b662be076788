#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/ids.hpp"
#include "base/testing/fake_clock.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/sqlite_store.hpp"

// What a full disk, a damaged file, a lock and missing rights do: a clear error, and no more.

namespace pixell::store {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// While it lives no file of this process grows beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &now), 0);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

/// While it lives this process is an ordinary user, also when the tests run as root.
class OrdinaryUser {
 public:
  OrdinaryUser() {
    if (::geteuid() != 0) return;
    EXPECT_EQ(::seteuid(kUser), 0);
  }
  ~OrdinaryUser() {
    if (::getuid() != 0) return;
    EXPECT_EQ(::seteuid(0), 0);
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

  static constexpr uid_t kUser = 65'534;
};

class StoreTroubleTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(path_.parent_path()); }
  void TearDown() override { fs::remove_all(directory_); }

  Result<std::unique_ptr<Store>> open() {
    return make_sqlite_store(path_, clock_, {.busy_timeout = Millis(1)});
  }
  std::unique_ptr<Store> opened() {
    auto store = open();
    EXPECT_TRUE(store) << store.error().message << store.error().detail;
    return store ? std::move(*store) : nullptr;
  }
  // A database of several hundred pages, closed in order.
  void fill() {
    const auto store = opened();
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(
          store->accept_deployment({.app_id = "hello", .release_notes = std::string(20'000, 'n')}));
  }
  void overwrite(std::streamoff from, std::streamoff bytes) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(from);
    file << std::string(std::size_t(bytes), '\xff');
  }
  void give_to_ordinary_user() {
    if (::geteuid() != 0) return;
    for (const fs::path& each : {directory_, path_.parent_path(), path_})
      ASSERT_EQ(::chown(each.c_str(), OrdinaryUser::kUser, gid_t(-1)), 0);
  }
  void expect_open_fails(ErrorCode code, std::string_view word) {
    const auto store = open();
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, code) << store.error().message << store.error().detail;
    EXPECT_THAT(store.error().message, HasSubstr(path_.string()));
    EXPECT_THAT(store.error().message, HasSubstr(std::string(word)));
  }

  FakeClock clock_;
  fs::path directory_ = fs::temp_directory_path() / ("trouble-" + new_ulid(0));
  fs::path path_ = directory_ / "state" / "pixell.db";
};

TEST_F(StoreTroubleTest, AFullDiskIsToldAndPasses) {
  const auto store = opened();
  ASSERT_TRUE(store->accept_deployment({.app_id = "hello"}));
  {
    const FileSizeLimit full(fs::file_size(path_.string() + "-wal") + 4'096);

    const auto refused =
        store->accept_deployment({.app_id = "hello", .release_notes = std::string(50'000, 'n')});

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::ResourceExhausted) << refused.error().detail;
    EXPECT_THAT(refused.error().message, HasSubstr(path_.string()));
    EXPECT_THAT(refused.error().message, HasSubstr("free space"));
    EXPECT_TRUE(store->app("hello")) << "reading goes on";
    const FileSizeLimit fuller(0);
    const auto checked = store->check();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::ResourceExhausted);
  }

  EXPECT_TRUE(store->check());
  EXPECT_TRUE(store->accept_deployment({.app_id = "hello"}));
  EXPECT_TRUE(store->verify_events());
}

TEST_F(StoreTroubleTest, ADatabaseThatCannotBeMadeLeavesNoneBehind) {
  {
    const FileSizeLimit full(8'192);
    const auto store = open();
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::ResourceExhausted) << store.error().detail;
  }
  EXPECT_FALSE(fs::exists(path_));

  EXPECT_TRUE(opened());
}

TEST_F(StoreTroubleTest, ALockIsToldAndPasses) {
  const auto store = opened();
  auto other = Database::open(path_, 1, kMaxDatabaseBytes);
  ASSERT_TRUE(other);
  {
    auto held = Transaction::begin(**other);
    ASSERT_TRUE(held);

    const auto refused = store->accept_deployment({.app_id = "hello"});

    EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
    EXPECT_EQ(refused.error().retry, Retry::Later);
    EXPECT_THAT(refused.error().message, HasSubstr("locked by another process"));
    EXPECT_EQ(store->check().error().code, ErrorCode::Unavailable);
    const auto another = open();
    ASSERT_TRUE(another) << another.error().message << another.error().detail;
    EXPECT_TRUE((*another)->apps({})) << "reading needs no lock";
  }

  EXPECT_TRUE(store->check());
  EXPECT_TRUE(store->accept_deployment({.app_id = "hello"}));
}

TEST_F(StoreTroubleTest, FlippedBytesAreFoundWhenOpened) {
  fill();
  overwrite(40'960, 4'096);

  expect_open_fails(ErrorCode::DataLoss, "restore a backup");
}

TEST_F(StoreTroubleTest, FlippedBytesAreToldWhileRunning) {
  fill();
  const auto store = opened();
  overwrite(4'096, std::streamoff(fs::file_size(path_)) - 4'096);

  const auto read = store->deployments({});
  const auto checked = store->check();
  const auto written = store->accept_deployment({.app_id = "another"});

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::DataLoss) << read.error().detail;
  EXPECT_THAT(read.error().message, HasSubstr("restore a backup"));
  EXPECT_EQ(checked.error().code, ErrorCode::DataLoss);
  EXPECT_EQ(written.error().code, ErrorCode::DataLoss);
}

TEST_F(StoreTroubleTest, ACutFileIsFoundWhenOpened) {
  fill();
  fs::resize_file(path_, fs::file_size(path_) / 2);

  expect_open_fails(ErrorCode::DataLoss, "restore a backup");
}

TEST_F(StoreTroubleTest, AnEmptyFileIsNoNewDatabase) {
  std::ofstream(path_).flush();

  expect_open_fails(ErrorCode::DataLoss, "restore a backup, or remove it");
}

TEST_F(StoreTroubleTest, AFileThatMayNotBeWrittenIsNamed) {
  fill();
  ASSERT_EQ(::chmod(path_.c_str(), 0444), 0);
  give_to_ordinary_user();
  const OrdinaryUser user;

  expect_open_fails(ErrorCode::PermissionDenied, "owner and mode");
}

TEST_F(StoreTroubleTest, ADirectoryThatMayNotBeWrittenIsNamed) {
  fill();
  give_to_ordinary_user();
  ASSERT_EQ(::chmod(path_.parent_path().c_str(), 0500), 0);
  {
    const OrdinaryUser user;
    expect_open_fails(ErrorCode::PermissionDenied, "its directory");
  }
  ASSERT_EQ(::chmod(path_.parent_path().c_str(), 0700), 0);  // for TearDown()
}

TEST_F(StoreTroubleTest, ALogThatIsRemovedIsToldAndSaved) {
  auto store = opened();
  ASSERT_TRUE(store->accept_deployment({.app_id = "before"}));
  fs::remove(path_.string() + "-wal");

  const auto told = store->accept_deployment({.app_id = "after"});

  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::DataLoss);
  EXPECT_THAT(told.error().message, HasSubstr("pixell.db-wal was removed"));
  ASSERT_TRUE(store->begin_step({.key = "s", .app_id = "before", .kind = "k"}, 1));
  EXPECT_EQ(store->check().error().code, ErrorCode::DataLoss) << "also after a write that is quick";

  store.reset();
  store = opened();
  EXPECT_TRUE(store->app("before"));
  EXPECT_EQ(store->open_steps()->size(), 1u);
  EXPECT_TRUE(store->verify_events());
}

TEST_F(StoreTroubleTest, ADatabaseWithoutItsLogIsAnEarlierState) {
  const auto store = opened();
  ASSERT_TRUE(store->accept_deployment({.app_id = "in-the-log"}));
  const fs::path copy = directory_ / "copy.db";
  fs::copy_file(path_, copy);

  const auto earlier = make_sqlite_store(copy, clock_);

  ASSERT_TRUE(earlier) << earlier.error().message;
  EXPECT_EQ((*earlier)->app("in-the-log").error().code, ErrorCode::NotFound);
  EXPECT_TRUE((*earlier)->verify_events());
  EXPECT_TRUE((*earlier)->accept_deployment({.app_id = "hello"}));
}

TEST_F(StoreTroubleTest, AFileThatIsReplacedIsLeftAlone) {
  auto store = opened();
  ASSERT_TRUE(store->accept_deployment({.app_id = "hello"}));
  const fs::path aside = directory_ / "aside";
  fs::rename(path_, aside);
  std::ofstream(path_) << "another";

  EXPECT_EQ(store->accept_deployment({.app_id = "hello"}).error().code, ErrorCode::DataLoss);
  EXPECT_THAT(store->check().error().message, HasSubstr("replaced"));
  EXPECT_EQ(fs::file_size(path_), 7u);

  fs::rename(aside, path_);
  EXPECT_TRUE(store->check());
  EXPECT_TRUE(store->accept_deployment({.app_id = "hello"}));
}

}  // namespace
}  // namespace pixell::store
