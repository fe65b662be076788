#include "par/prepare/installed_tree.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temp_directory.hpp"
#include "par/prepare/limits.hpp"

namespace pixell::prepare {
namespace {

namespace fs = std::filesystem;

class InstalledTree : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(source() / "a/b");
    std::ofstream(source() / "a/b/module.py") << "x = 1\n";
  }

  fs::path source() const { return root_ / "source"; }
  fs::path target() const { return root_ / "target"; }
  void expect_refused(const std::string& part) {
    const auto done = publish_tree(source(), target());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::FailedPrecondition);
    EXPECT_NE(done.error().message.find(part), std::string::npos) << done.error().message;
    fs::remove_all(target());
  }

  TempDirectory root_;
};

mode_t mode_of(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0);
  return info.st_mode & 07777;
}

TEST_F(InstalledTree, IsCopiedWithNothingButTheRightToRun) {
  std::ofstream(source() / "program") << "#!/bin/sh\n";
  ASSERT_EQ(::chmod((source() / "program").c_str(), 06777), 0);
  ASSERT_EQ(::chmod((source() / "a/b/module.py").c_str(), 0666), 0);
  fs::create_symlink("a/b/module.py", source() / "link.py");

  ASSERT_TRUE(publish_tree(source(), target()));

  EXPECT_EQ(mode_of(target() / "program"), 0755U);
  EXPECT_EQ(mode_of(target() / "a/b/module.py"), 0644U);
  EXPECT_EQ(fs::file_size(target() / "link.py"), 6U);
  EXPECT_TRUE(fs::is_symlink(target() / "link.py"));
}

TEST_F(InstalledTree, IsEmptyWhenNothingWasInstalled) {
  fs::remove_all(source());

  ASSERT_TRUE(publish_tree(source(), target()));

  EXPECT_TRUE(fs::is_empty(target()));
}

TEST_F(InstalledTree, HoldsNoLinkThatLeadsOut) {
  for (const char* to : {"/etc/passwd", "../source/a", "nowhere", "deep/../../outside"}) {
    fs::create_directory_symlink("a/b", source() / "deep");
    std::ofstream(root_ / "outside") << "secret";
    fs::create_symlink(to, source() / "a" / "link");
    expect_refused("target/a/link leads out");
    fs::remove(source() / "a" / "link");
    fs::remove(source() / "deep");
  }
  fs::remove_all(source());
  fs::create_directory_symlink("/etc", source());
  EXPECT_FALSE(publish_tree(source(), target()));
}

TEST_F(InstalledTree, HoldsNoLinkThatLeadsOutThroughAnother) {
  // By the names alone the second stays inside.
  fs::create_directory_symlink("../..", source() / "a/b/up");
  std::ofstream(root_ / "outside") << "secret";
  fs::create_symlink("b/up/../outside", source() / "a/link");

  expect_refused("target/a/link leads out");
}

TEST_F(InstalledTree, HoldsNothingButFilesAndDirectories) {
  ASSERT_EQ(::mkfifo((source() / "pipe").c_str(), 0666), 0);

  expect_refused("target/pipe is neither a file nor a directory");
}

TEST_F(InstalledTree, IsNotDeeperThanItsLimit) {
  fs::path deep = source();
  for (int i = 0; i <= kMaxInstalledDepth; ++i) deep /= "d";
  fs::create_directories(deep);

  expect_refused("is deeper than");
}

TEST_F(InstalledTree, IsReadWithoutFollowingLinksOrWaiting) {
  fs::create_symlink("/etc/passwd", source() / "link");
  ASSERT_EQ(::mkfifo((source() / "pipe").c_str(), 0666), 0);

  EXPECT_FALSE(read_foreign_file(source() / "link", 100));
  EXPECT_FALSE(read_foreign_file(source() / "pipe", 100));
  EXPECT_FALSE(read_foreign_file(source() / "a/b/module.py", 5));
  EXPECT_EQ(read_foreign_file(source() / "a/b/module.py", 6).value_or(""), "x = 1\n");
}

}  // namespace
}  // namespace pixell::prepare
