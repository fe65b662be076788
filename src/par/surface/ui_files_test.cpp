#include "par/surface/ui_files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/files.hpp"
#include "par/limits.hpp"

namespace pixell::par {
namespace {

namespace fs = std::filesystem;

class UiFilesTest : public testing::Test {
 protected:
  UiFilesTest() {
    std::string pattern = (fs::temp_directory_path() / "par_ui_XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    write(".env", "KEY=secret");
  }
  ~UiFilesTest() override { fs::remove_all(root_); }

  void write(const fs::path& path, std::string_view content) {
    fs::create_directories((root_ / path).parent_path());
    ASSERT_TRUE(write_file_atomically(root_ / path, content, 0644, Durability::ProcessCrash));
  }
  std::unique_ptr<UiFiles> open(const std::string& path = "ui") {
    auto files = UiFiles::open(root_.string(), path, "0123456789abcdef");
    return files ? std::move(*files) : nullptr;
  }

  fs::path root_;
};

TEST_F(UiFilesTest, ServesFilesOfTheFolder) {
  write("ui/index.html", "<p>hi</p>");
  write("ui/css/a.css", "p{}");
  const auto files = open();
  ASSERT_NE(files, nullptr);

  EXPECT_EQ(*files->find("")->content, "<p>hi</p>");
  EXPECT_EQ(files->find("css/a.css")->content_type, "text/css; charset=utf-8");
  EXPECT_FALSE(files->find("missing.js"));
  EXPECT_FALSE(files->find("css"));
  EXPECT_TRUE(files->has_index());
}

TEST_F(UiFilesTest, FallsBackToTheBuiltCopy) {
  write("dist/ui/index.html", "built");
  EXPECT_EQ(*open("ui")->find("")->content, "built");
  EXPECT_EQ(*open("./client/dist")->find("")->content, "built");
}

TEST_F(UiFilesTest, PrefersTheFolderOfTheManifest) {
  write("ui/index.html", "source");
  write("dist/ui/index.html", "built");
  EXPECT_EQ(*open("ui/")->find("")->content, "source");
}

TEST_F(UiFilesTest, RefusesFoldersThatAreNotBelowThePackage) {
  write("index.html", "root");
  for (const char* path : {"", ".", "./", "..", "../x", "/etc", "ui/../.."}) {
    const auto files = UiFiles::open(root_.string(), path, "v");
    ASSERT_FALSE(files) << path;
    EXPECT_EQ(files.error().code, ErrorCode::InvalidArgument) << path;
  }
  EXPECT_EQ(UiFiles::open(root_.string(), "ui", "v").error().code, ErrorCode::NotFound);
}

TEST_F(UiFilesTest, FollowsNoLinksAndShowsNothingHidden) {
  write("ui/index.html", "x");
  write("ui/.secret", "x");
  fs::create_symlink(root_ / ".env", root_ / "ui/env.txt");
  fs::create_directory_symlink(root_, root_ / "ui/up");
  const auto files = open();
  ASSERT_NE(files, nullptr);

  EXPECT_FALSE(files->find("env.txt"));
  EXPECT_FALSE(files->find("up/.env"));
  EXPECT_FALSE(files->find("up/ui/index.html"));
  EXPECT_FALSE(files->find(".secret"));
  EXPECT_FALSE(files->find("../.env"));
}

TEST_F(UiFilesTest, DoesNotServeALinkedFolderOutsideThePackage) {
  fs::create_directory_symlink("/etc", root_ / "ui");
  EXPECT_EQ(open(), nullptr);
}

TEST_F(UiFilesTest, SeesAChangedFileAndGivesItANewTag) {
  write("ui/index.html", "one");
  const auto files = open();
  const std::string first = files->find("")->etag;
  EXPECT_EQ(files->find("")->etag, first);

  write("ui/index.html", "other");

  EXPECT_EQ(*files->find("")->content, "other");
  EXPECT_NE(files->find("")->etag, first);
}

TEST_F(UiFilesTest, GivesPackagesDifferentTags) {
  write("ui/index.html", "one");
  const auto other = UiFiles::open(root_.string(), "ui", "fedcba");
  EXPECT_NE(open()->find("")->etag, (*other)->find("")->etag);
}

TEST_F(UiFilesTest, KeepsSmallFilesOnlyAndNotTooMany) {
  write("ui/index.html", "x");
  write("ui/large.bin", std::string(kMaxCachedFileBytes + 1, 'l'));
  const std::string piece(kMaxCachedFileBytes, 'p');
  for (int i = 0; i < 40; ++i) write("ui/" + std::to_string(i), piece);
  const auto files = open();

  const auto large = files->find("large.bin");
  EXPECT_EQ(large->content, nullptr);
  EXPECT_TRUE(large->fd);
  // More than the cache holds; each is still served whole.
  for (int i = 0; i < 40; ++i) EXPECT_EQ(*files->find(std::to_string(i))->content, piece);
}

TEST(HttpDate, IsTheFixedFormOfRfc9110) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace pixell::par
